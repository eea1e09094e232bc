import { describe } from "node:test";
import { rpcServerContract } from "../../tests/rpc-server.contract.ts";
import { createGrpcJsServer } from "./grpc-js-server.ts";

describe("server carried by grpc-js", () => rpcServerContract(createGrpcJsServer));
