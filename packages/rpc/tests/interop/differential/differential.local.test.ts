import assert from "node:assert/strict";
import type { ClientHttp2Session } from "node:http2";
import { type TestContext, test } from "node:test";
import { seed, waitUntil } from "@realchat/presence-testing";
import fc from "fast-check";
import { createRpcServer } from "../../../server/rpc-server.ts";
import { createGrpcJsServer } from "../../../testing/grpc-js/grpc-js-server.ts";
import { openRawConnection } from "../../../testing/raw-call.ts";
import type { CreateServer } from "../open-test-server.ts";
import { isKnown, messageMaxBytes, type RandomCall, randomCall } from "./random-call.ts";
import { scriptedService } from "./scripted-service.ts";
import { type Seen, seenByCaller } from "./seen-by-caller.ts";

interface OpenServer {
  readonly connection: ClientHttp2Session;
  /** Method and status of each call that is over, as the observer is told. */
  readonly finished: string[];
}

async function open(t: TestContext, create: CreateServer): Promise<OpenServer> {
  const finished: string[] = [];
  const server = create({
    services: [scriptedService()],
    observer: { finished: (method, code) => finished.push(`${method} ${code}`) },
    limits: { messageMaxBytes },
  });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => server.drain(0));
  return { connection: openRawConnection(t, port), finished };
}

/** Makes the calls at once. */
async function outcomeOf(calls: readonly RandomCall[], server: OpenServer): Promise<{ seen: Seen[]; told: string[] }> {
  const seen = await Promise.all(calls.map((call) => seenByCaller(call, server.connection)));
  // Whether an observer is told of methods that nobody serves depends on the engine.
  const known = calls.filter(isKnown).length;
  await waitUntil(() => server.finished.length >= known, { what: "the observer is told of all calls" });
  return { seen, told: server.finished.splice(0).sort() };
}

test("random calls are answered as grpc-js answers them: the same statuses, bytes and metadata", async (t) => {
  const [ours, grpcJs] = [await open(t, createRpcServer), await open(t, createGrpcJsServer)];
  const property = fc.asyncProperty(fc.array(randomCall, { minLength: 1, maxLength: 8 }), async (calls) => {
    const [actual, expected] = await Promise.all([outcomeOf(calls, ours), outcomeOf(calls, grpcJs)]);
    assert.deepEqual(actual, expected);
  });
  await fc.assert(property, { seed: seed(), numRuns: 80 });
});
