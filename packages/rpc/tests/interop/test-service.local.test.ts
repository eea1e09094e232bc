import assert from "node:assert/strict";
import { test } from "node:test";
import { status } from "@grpc/grpc-js";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { waitUntil } from "@realchat/presence-testing";
import { createRpcServer } from "../../server/rpc-server.ts";
import type { RpcServerOptions } from "../../server.ts";
import {
  type PayloadType,
  SimpleRequest,
  StreamingOutputCallRequest,
  TestServiceDefinition,
} from "./generated/grpc/testing/test.ts";
import { openTestServer } from "./open-test-server.ts";
import { bodies, zeros } from "./payloads.ts";
import { answerTo } from "./test-client.ts";
import { testService } from "./test-service.ts";

const { methods } = TestServiceDefinition;

test("a response waits for its interval", async (t) => {
  const clock = new FakeClock();
  const create = (options: RpcServerOptions) => createRpcServer({ ...options, services: [testService(clock)] });
  const client = (await openTestServer(t, "plain text", create)).client();
  const responseParameters = [{ size: 1 }, { size: 2, intervalUs: 1_500 }, { size: 3, intervalUs: 500 }];
  const request = StreamingOutputCallRequest.fromPartial({ responseParameters });
  const call = client.serverStream(methods.streamingOutputCall, request);
  const sizes: number[] = [];
  call.on("data", ({ payload }) => sizes.push(payload.body.length));
  await waitUntil(() => sizes.length === 1, { what: "the first response comes" });
  await clock.advance(1);
  assert.deepEqual(sizes, [1]);
  await clock.advance(0.5);
  await waitUntil(() => sizes.length === 2, { what: "the second response comes" });
  await clock.advance(0.5);
  await waitUntil(() => sizes.length === 3, { what: "the third response comes" });
});

test("HalfDuplexCall answers when all requests are there", async (t) => {
  const client = (await openTestServer(t, "plain text", createRpcServer)).client();
  const call = client.bidiStream(methods.halfDuplexCall);
  const answer = answerTo(call);
  let responses = 0;
  call.on("data", () => responses++);
  for (const size of [5, 6]) call.write(StreamingOutputCallRequest.fromPartial({ responseParameters: [{ size }] }));
  // Its answer comes after whatever the half-duplex call would have been answered by then.
  await client.unary(methods.emptyCall, {});
  assert.equal(responses, 0);
  call.end();
  assert.deepEqual(bodies((await answer).responses), [zeros(5), zeros(6)]);
});

test("what cannot be served is refused by its name and limit", async (t) => {
  const client = (await openTestServer(t, "plain text", createRpcServer)).client();
  const refused = async (request: Partial<SimpleRequest>) => {
    const { status: end } = await client.unary(methods.unaryCall, SimpleRequest.fromPartial(request));
    return [end.code, end.details];
  };
  const invalid = status.INVALID_ARGUMENT;
  assert.deepEqual(await refused({ responseSize: -1 }), [
    invalid,
    "response_size is -1 bytes, allowed are 0 to 16777216",
  ]);
  assert.deepEqual(await refused({ responseType: 2 as PayloadType }), [
    invalid,
    "response_type is 2, and only COMPRESSABLE (0) is served",
  ]);
  assert.deepEqual(await refused({ responseStatus: { code: 17, message: "" } }), [
    invalid,
    "response_status.code 17 is no gRPC status",
  ]);
});
