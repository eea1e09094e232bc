import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { compressionAlgorithms, status } from "@grpc/grpc-js";
import {
  SimpleRequest,
  SimpleResponse,
  StreamingInputCallRequest,
  StreamingOutputCallRequest,
  StreamingOutputCallResponse,
  TestServiceDefinition,
} from "./generated/grpc/testing/test.ts";
import type { OpenServer } from "./open-test-server.ts";
import { bodies, largeRequest, largeResponseBytes, payload, zeros } from "./payloads.ts";
import type { WireAnswer } from "./wire-call.ts";

const { methods } = TestServiceDefinition;

/** What grpc-js as a client does not tell, whether a response came compressed, is read off the wire. */
export function compressionCases(open: (t: TestContext) => Promise<OpenServer>): void {
  test("client_compressed_unary", async (t) => {
    const { client } = await open(t);
    const expecting = (value: boolean) => ({ ...largeRequest(), expectCompressed: { value } });
    const [plain, compressing] = [client(), client(gzip)];
    const probe = await plain.unary(methods.unaryCall, expecting(true));
    assert.equal(probe.status.code, status.INVALID_ARGUMENT);
    for (const answer of [
      await compressing.unary(methods.unaryCall, expecting(true)),
      await plain.unary(methods.unaryCall, expecting(false)),
    ]) {
      assert.equal(answer.status.code, status.OK);
      assert.deepEqual(bodies(answer.responses), [zeros(largeResponseBytes)]);
    }
  });

  test("server_compressed_unary", async (t) => {
    const { client, call } = await open(t);
    for (const value of [true, false]) {
      const request = { ...largeRequest(), responseCompressed: { value } };
      const answer = await client().unary(methods.unaryCall, request);
      assert.equal(answer.status.code, status.OK);
      assert.deepEqual(bodies(answer.responses), [zeros(largeResponseBytes)]);

      const { headers, messages } = await call("UnaryCall", [SimpleRequest.encode(request).finish()]);
      assert.deepEqual(
        messages.map(({ isCompressed }) => isCompressed),
        [value],
      );
      assert.deepEqual(bodies(decompressed(messages).map((bytes) => SimpleResponse.decode(bytes))), [
        zeros(largeResponseBytes),
      ]);
      if (value) assert.equal(headers["grpc-encoding"], "gzip");
    }
  });

  test("client_compressed_streaming", async (t) => {
    const { client } = await open(t);
    const expecting = (value: boolean, size: number) =>
      StreamingInputCallRequest.fromPartial({ ...payload(size), expectCompressed: { value } });
    const probe = client().clientStream(methods.streamingInputCall);
    probe.requests.end(expecting(true, 27_182));
    assert.equal((await probe.answer).status.code, status.INVALID_ARGUMENT);

    const { requests, answer } = client(gzip).clientStream(methods.streamingInputCall);
    requests.write(expecting(true, 27_182));
    requests.write(expecting(false, 45_904), noCompress);
    requests.end();
    assert.deepEqual((await answer).responses, [{ aggregatedPayloadSize: 73_086 }]);
  });

  test("server_compressed_streaming", async (t) => {
    const { call } = await open(t);
    const request = StreamingOutputCallRequest.fromPartial({
      responseParameters: [
        { size: 31_415, compressed: { value: true } },
        { size: 92_653, compressed: { value: false } },
      ],
    });
    const answer = await call("StreamingOutputCall", [StreamingOutputCallRequest.encode(request).finish()]);
    assert.equal(answer.trailers["grpc-status"], "0");
    assert.deepEqual(
      answer.messages.map(({ isCompressed }) => isCompressed),
      [true, false],
    );
    const responses = decompressed(answer.messages).map((bytes) => StreamingOutputCallResponse.decode(bytes));
    assert.deepEqual(bodies(responses), [zeros(31_415), zeros(92_653)]);
  });
}

const gzip = { "grpc.default_compression_algorithm": compressionAlgorithms.gzip };
/** grpc-js's WriteFlags.NoCompress, which `write` takes in the place of an encoding. */
const noCompress = 2;

function decompressed(messages: WireAnswer["messages"]): Buffer[] {
  return messages.map(({ isCompressed, bytes }) => (isCompressed ? gunzipSync(bytes) : bytes));
}
