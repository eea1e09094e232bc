import { describe } from "node:test";
import { createRpcServer } from "../../server/rpc-server.ts";
import { http2Conformance } from "./http2-conformance.contract.ts";

describe("our engine", () => http2Conformance(createRpcServer));
