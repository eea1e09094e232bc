import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Metadata, status } from "@grpc/grpc-js";
import { waitUntil } from "@realchat/presence-testing";
import { compressionCases } from "./compression-cases.contract.ts";
import { echoedKeys } from "./echo.ts";
import {
  SimpleRequest,
  StreamingInputCallRequest,
  StreamingOutputCallRequest,
  TestServiceDefinition,
} from "./generated/grpc/testing/test.ts";
import { type CreateServer, openTestServer, type Transport } from "./open-test-server.ts";
import { bodies, largeRequest, largeRequestBytes, largeResponseBytes, payload, zeros } from "./payloads.ts";
import { answerTo } from "./test-client.ts";

const { methods } = TestServiceDefinition;

/**
 * The interoperability cases, by the names that gRPC gave them, in plain text and over TLS.
 * Source: https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md#client
 * @param engine.compresses false: the engine leaves the single message's compression to its client
 */
export function interopCases(
  create: CreateServer,
  engine: { readonly compresses: boolean } = { compresses: true },
): void {
  describe("in plain text", () => casesOver("plain text", create, engine));
  describe("over TLS", () => casesOver("TLS", create, engine));
}

function casesOver(transport: Transport, create: CreateServer, { compresses }: { compresses: boolean }): void {
  const open = (t: TestContext) => openTestServer(t, transport, create);

  test("empty_unary", async (t) => {
    const client = (await open(t)).client();
    const answer = await client.unary(methods.emptyCall, {});
    assert.equal(answer.status.code, status.OK);
    assert.deepEqual(answer.responses, [{}]);
  });

  test("large_unary", async (t) => {
    const client = (await open(t)).client();
    const answer = await client.unary(methods.unaryCall, largeRequest());
    assert.equal(answer.status.code, status.OK);
    assert.deepEqual(bodies(answer.responses), [zeros(largeResponseBytes)]);
  });

  if (compresses) compressionCases(open);

  test("client_streaming", async (t) => {
    const client = (await open(t)).client();
    const { requests, answer } = client.clientStream(methods.streamingInputCall);
    for (const size of requestSizes) requests.write(StreamingInputCallRequest.fromPartial(payload(size)));
    requests.end();
    const { status: end, responses } = await answer;
    assert.equal(end.code, status.OK);
    assert.deepEqual(responses, [{ aggregatedPayloadSize: 74_922 }]);
  });

  test("server_streaming", async (t) => {
    const client = (await open(t)).client();
    const request = StreamingOutputCallRequest.fromPartial({
      responseParameters: responseSizes.map((size) => ({ size })),
    });
    const answer = await answerTo(client.serverStream(methods.streamingOutputCall, request));
    assert.equal(answer.status.code, status.OK);
    assert.deepEqual(bodies(answer.responses), responseSizes.map(zeros));
  });

  test("ping_pong", async (t) => {
    const client = (await open(t)).client();
    const call = client.bidiStream(methods.fullDuplexCall);
    const end = new Promise((resolve) => call.once("status", ({ code }) => resolve(code)));
    const responses = call[Symbol.asyncIterator]();
    for (const [turn, size] of responseSizes.entries()) {
      call.write(pingPong(requestSizes[turn] as number, size));
      assert.deepEqual(bodies([(await responses.next()).value]), [zeros(size)]);
    }
    call.end();
    assert.equal((await responses.next()).done, true);
    assert.equal(await end, status.OK);
  });

  test("empty_stream", async (t) => {
    const client = (await open(t)).client();
    const call = client.bidiStream(methods.fullDuplexCall);
    call.end();
    const answer = await answerTo(call);
    assert.equal(answer.status.code, status.OK);
    assert.deepEqual(answer.responses, []);
  });

  test("custom_metadata", async (t) => {
    const client = (await open(t)).client();
    const metadata = new Metadata();
    metadata.set(echoedKeys.header, "test_initial_metadata_value");
    metadata.set(echoedKeys.trailer, Buffer.from([0xab, 0xab, 0xab]));
    const duplex = client.bidiStream(methods.fullDuplexCall, metadata);
    duplex.end(pingPong(largeRequestBytes, largeResponseBytes));
    const unary = client.unary(methods.unaryCall, largeRequest(), metadata);
    for (const { status: end, headers, responses } of await Promise.all([unary, answerTo(duplex)])) {
      assert.equal(end.code, status.OK);
      assert.deepEqual(headers.get(echoedKeys.header), ["test_initial_metadata_value"]);
      assert.deepEqual(end.metadata.get(echoedKeys.trailer), [Buffer.from([0xab, 0xab, 0xab])]);
      assert.deepEqual(bodies(responses), [zeros(largeResponseBytes)]);
    }
  });

  test("status_code_and_message", async (t) => {
    const client = (await open(t)).client();
    const responseStatus = { code: status.UNKNOWN, message: "test status message" };
    const duplex = client.bidiStream(methods.fullDuplexCall);
    duplex.end(StreamingOutputCallRequest.fromPartial({ responseStatus }));
    const unary = client.unary(methods.unaryCall, SimpleRequest.fromPartial({ responseStatus }));
    for (const { status: end } of await Promise.all([unary, answerTo(duplex)])) {
      assert.deepEqual({ code: end.code, message: end.details }, responseStatus);
    }
  });

  test("special_status_message", async (t) => {
    const client = (await open(t)).client();
    const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
    const responseStatus = { code: status.UNKNOWN, message };
    const { status: end } = await client.unary(methods.unaryCall, SimpleRequest.fromPartial({ responseStatus }));
    assert.deepEqual({ code: end.code, message: end.details }, responseStatus);
  });

  test("unimplemented_method", async (t) => {
    const client = (await open(t)).client();
    const answer = await client.unary({ ...methods.emptyCall, name: "UnimplementedCall" }, {});
    assert.equal(answer.status.code, status.UNIMPLEMENTED);
  });

  test("unimplemented_service", async (t) => {
    const client = (await open(t)).client({}, "grpc.testing.UnimplementedService");
    const answer = await client.unary({ ...methods.emptyCall, name: "UnimplementedCall" }, {});
    assert.equal(answer.status.code, status.UNIMPLEMENTED);
  });

  test("cancel_after_begin", async (t) => {
    const { client, begun, ended } = await open(t);
    const { requests, answer } = client().clientStream(methods.streamingInputCall);
    await waitUntil(() => begun.includes("StreamingInputCall"), { what: "the server has the metadata" });
    requests.cancel();
    assert.equal((await answer).status.code, status.CANCELLED);
    await waitUntil(() => ended.includes("StreamingInputCall"), { what: "the call is over for the server, too" });
  });

  test("cancel_after_first_response", async (t) => {
    const { client, ended } = await open(t);
    const call = client().bidiStream(methods.fullDuplexCall);
    call.write(pingPong(27_182, 31_415));
    const answer = answerTo(call);
    call.once("data", () => call.cancel());
    const { status: end, responses } = await answer;
    assert.equal(end.code, status.CANCELLED);
    assert.deepEqual(bodies(responses), [zeros(31_415)]);
    await waitUntil(() => ended.includes("FullDuplexCall"), { what: "the call is over for the server, too" });
  });

  test("timeout_on_sleeping_server", async (t) => {
    const client = (await open(t)).client();
    // The millisecond is to be the call's, not the connection's.
    await client.unary(methods.emptyCall, {});
    const call = client.bidiStream(methods.fullDuplexCall, new Metadata(), { deadline: Date.now() + 1 });
    const answer = answerTo(call);
    call.write(StreamingOutputCallRequest.fromPartial(payload(27_182)));
    assert.equal((await answer).status.code, status.DEADLINE_EXCEEDED);
  });
}

const requestSizes = [27_182, 8, 1_828, 45_904];
const responseSizes = [31_415, 9, 2_653, 58_979];

function pingPong(requestBytes: number, responseBytes: number): StreamingOutputCallRequest {
  return StreamingOutputCallRequest.fromPartial({
    responseParameters: [{ size: responseBytes }],
    ...payload(requestBytes),
  });
}
