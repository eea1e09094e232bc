import { describe } from "node:test";
import { rpcServerContract } from "../rpc-server.contract.ts";
import { createRpcServer } from "./rpc-server.ts";

describe("server on the engine of our own", () => rpcServerContract(createRpcServer));
