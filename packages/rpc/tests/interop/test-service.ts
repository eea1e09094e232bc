import { type Clock, pause, systemClock } from "@realchat/presence-runtime/clock";
import { type CallContext, implement, type ResponseStream, type Service } from "../../service.ts";
import { RpcError } from "../../status.ts";
import { refuseAsAsked, returnMetadata } from "./echo.ts";
import {
  type BoolValue,
  type Payload,
  PayloadType,
  type StreamingOutputCallRequest,
  type StreamingOutputCallResponse,
  TestServiceDefinition,
} from "./generated/grpc/testing/test.ts";

/**
 * The server side of the gRPC interoperability tests.
 * Source: https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md#server
 */
export function testService(clock: Clock = systemClock): Service {
  return implement(TestServiceDefinition, {
    emptyCall(_request, call) {
      returnMetadata(call);
      return {};
    },

    unaryCall({ responseType, responseSize, responseCompressed, responseStatus, expectCompressed }, call) {
      returnMetadata(call);
      checkCompression(expectCompressed, call);
      refuseAsAsked(responseStatus);
      call.compressResponses = responseCompressed?.value === true;
      return { payload: payloadOf(responseType, responseSize, "response_size") };
    },

    async streamingOutputCall(request, responses, call) {
      returnMetadata(call);
      refuseAsAsked(request.responseStatus);
      await respond(clock, request, responses, call);
    },

    async streamingInputCall(requests, call) {
      returnMetadata(call);
      let aggregatedPayloadSize = 0;
      for await (const { payload, expectCompressed } of requests) {
        checkCompression(expectCompressed, call);
        aggregatedPayloadSize += payload?.body.length ?? 0;
      }
      return { aggregatedPayloadSize };
    },

    async fullDuplexCall(requests, responses, call) {
      returnMetadata(call);
      for await (const request of requests) {
        refuseAsAsked(request.responseStatus);
        await respond(clock, request, responses, call);
      }
    },

    async halfDuplexCall(requests, responses, call) {
      returnMetadata(call);
      const all = await collect(requests);
      for (const request of all) await respond(clock, request, responses, call);
    },
  });
}

type Asked = Pick<StreamingOutputCallRequest, "responseType" | "responseParameters">;

async function respond(
  clock: Clock,
  { responseType, responseParameters }: Asked,
  responses: ResponseStream<StreamingOutputCallResponse>,
  call: CallContext,
): Promise<void> {
  for (const { size, intervalUs, compressed } of responseParameters) {
    if (intervalUs > 0) await pause(clock, intervalUs / 1_000, call.signal);
    if (call.signal.aborted) throw call.signal.reason;
    call.compressResponses = compressed?.value === true;
    const hasRoom = responses.write({ payload: payloadOf(responseType, size, "response_parameters.size") });
    if (!hasRoom) await responses.drained();
  }
}

/** Only what is needed to answer, and not without end: a caller decides how much is kept. */
async function collect(requests: AsyncIterable<Asked>): Promise<Asked[]> {
  const all: Asked[] = [];
  let count = 0;
  for await (const { responseType, responseParameters } of requests) {
    count += 1 + responseParameters.length;
    if (count > collectedMax) {
      const what = `more than ${collectedMax} requests and response_parameters`;
      throw new RpcError("RESOURCE_EXHAUSTED", `${what}: end the requests earlier, or use FullDuplexCall`);
    }
    all.push({ responseType, responseParameters });
  }
  return all;
}

function checkCompression(expected: BoolValue | undefined, { requestCompressed }: CallContext): void {
  if (expected?.value === true && !requestCompressed) {
    throw new RpcError("INVALID_ARGUMENT", "expect_compressed is true, and the request came uncompressed");
  }
}

function payloadOf(type: PayloadType, size: number, field: string): Payload {
  if (type !== PayloadType.COMPRESSABLE) {
    throw new RpcError("INVALID_ARGUMENT", `response_type is ${type}, and only COMPRESSABLE (0) is served`);
  }
  if (size < 0 || size > bodyMaxBytes) {
    throw new RpcError("INVALID_ARGUMENT", `${field} is ${size} bytes, allowed are 0 to ${bodyMaxBytes}`);
  }
  return { type, body: Buffer.alloc(size) };
}

const collectedMax = 10_000;
/** Four times what clients take by default: enough to see them refuse it. */
const bodyMaxBytes = 16 * 1024 * 1024;
