import { describe } from "node:test";
import { createRpcServer } from "../../server/rpc-server.ts";
import { createGrpcJsServer } from "../../testing/grpc-js/grpc-js-server.ts";
import { interopCases } from "./interop-cases.contract.ts";

describe("interoperability cases", () => interopCases(createRpcServer));

describe("interoperability cases, server carried by grpc-js", () =>
  interopCases(createGrpcJsServer, { compresses: false }));
