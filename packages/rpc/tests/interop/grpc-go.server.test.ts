import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { provideGrpcGo, runCommand, temporaryFolder } from "@realchat/presence-testing";
import { createRpcServer } from "../../server/rpc-server.ts";
import { openTestServer } from "./open-test-server.ts";

const client = await provideGrpcGo();

for (const transport of ["plain text", "TLS"] as const) {
  test(`Go's gRPC finds nothing in its interoperability cases, ${transport}`, async (t) => {
    const { port, ca } = await openTestServer(t, transport, createRpcServer);
    const security = ca === undefined ? [] : [`--ca_file=${fileWith(ca)}`];
    const args = [`--address=localhost:${port}`, "--compression", ...security];
    const { ok, output } = await runCommand(client, args, { timeoutMs: 30_000 });
    assert.ok(ok, output);
    assert.deepEqual(output.match(/(?<=^passed ).*$/gm), allPassed);
  });
}

function fileWith(ca: string): string {
  const file = join(temporaryFolder("grpc-go").path, "ca.pem");
  writeFileSync(file, ca);
  return file;
}

const cases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "custom_metadata",
  "status_code_and_message",
  "special_status_message",
  "cancel_after_begin",
  "cancel_after_first_response",
  "timeout_on_sleeping_server",
];
const allPassed = [
  ...cases,
  "unimplemented_method",
  "unimplemented_service",
  ...cases.map((name) => `${name} gzip`),
  "client_compressed_unary",
];
