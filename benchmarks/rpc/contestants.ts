import { fileURLToPath } from "node:url";
import type { GoPrograms } from "./go-programs.ts";

/** A server of the comparison: the same service, another engine below it. */
export interface Contestant {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

export const ownEngine = inNode("own engine", "own-engine-server.ts");
/** As its documentation shows it: the baseline. */
export const grpcJs = inNode("grpc-js", "grpc-js-server.ts");
/** Behind the same interface as our engine, which spares it streams and shares our codec. */
export const leanGrpcJs = inNode("grpc-js, lean", "lean-grpc-js-server.ts");
export const nodeHttp2 = inNode("node:http2", "http2-server.ts");

export function grpcGo({ server }: GoPrograms): Contestant {
  return { name: "grpc-go", program: server, args: [] };
}

function inNode(name: string, file: string): Contestant {
  return { name, program: process.execPath, args: [fileURLToPath(new URL(`./servers/${file}`, import.meta.url))] };
}
