import assert from "node:assert/strict";
import type { ClientHttp2Session } from "node:http2";
import { type TestContext, test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { createGrpcJsServer } from "../../grpc-js/grpc-js-server.ts";
import { createRpcServer } from "../../server/rpc-server.ts";
import { openRawConnection } from "../../testing/raw-call.ts";
import type { CreateServer } from "../open-test-server.ts";
import { messageMaxBytes, randomCall } from "./random-call.ts";
import { scriptedService } from "./scripted-service.ts";
import { seenByCaller } from "./seen-by-caller.ts";

async function open(t: TestContext, create: CreateServer): Promise<ClientHttp2Session> {
  const server = create({ services: [scriptedService()], limits: { messageMaxBytes } });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => server.drain(0));
  return openRawConnection(t, port);
}

test("random calls are answered as grpc-js answers them: the same statuses, bytes and metadata", async (t) => {
  const connections = [await open(t, createRpcServer), await open(t, createGrpcJsServer)];
  const property = fc.asyncProperty(fc.array(randomCall, { minLength: 1, maxLength: 8 }), async (calls) => {
    const [ours, grpcJs] = await Promise.all(
      connections.map((connection) => Promise.all(calls.map((call) => seenByCaller(call, connection)))),
    );
    assert.deepEqual(ours, grpcJs);
  });
  await fc.assert(property, { seed: seed(), numRuns: 80 });
});
