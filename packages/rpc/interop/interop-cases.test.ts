import { describe } from "node:test";
import { createGrpcJsServer } from "../grpc-js/grpc-js-server.ts";
import { interopCases } from "./interop-cases.contract.ts";

describe("interoperability cases, server carried by grpc-js", () =>
  interopCases(createGrpcJsServer, { compresses: false }));
