import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { type CallContext, implement, type ResponseStream, type Service } from "../../../service.ts";
import { RpcError, rpcCodes } from "../../../status.ts";
import { codeNames } from "../echo.ts";
import {
  type EchoStatus,
  PayloadType,
  StreamingOutputCallRequest as Script,
  StreamingOutputCallResponse as ScriptedResponse,
} from "../generated/grpc/testing/test.ts";

const scripted = { requestType: Script, responseType: ScriptedResponse } as const;

/** The four kinds of methods, each of which does what its requests say. */
export const ScriptedDefinition = {
  fullName: "test.v1.Scripted",
  methods: {
    unary: { name: "Unary", ...scripted, requestStream: false, responseStream: false },
    download: { name: "Download", ...scripted, requestStream: false, responseStream: true },
    upload: { name: "Upload", ...scripted, requestStream: true, responseStream: false },
    chat: { name: "Chat", ...scripted, requestStream: true, responseStream: true },
  },
} as const;

/** The metadata that a call may have, all told back in trailer `seenKey`; the first of each kind also as it came. */
export const keys = { text: ["x-text", "x-other"], binary: ["x-data-bin", "x-other-bin"] } as const;
const seenKey = "x-seen";

/** Codes of a script's status beyond those of gRPC: a handler with a bug, and a caller who is told to come later. */
export const bug = 100;
export const comeLater = 101;

/**
 * Each response parameter of a request is a response, of the request's body repeated to its size; then comes the
 * request's status, if it has one. Where there is one response only, it is the last.
 */
export function scriptedService(): Service {
  return implement(ScriptedDefinition, {
    async unary(script, call) {
      tellMetadata(call);
      return await lastOf([script], call);
    },
    async download(script, responses, call) {
      tellMetadata(call);
      await play(script, responses, call);
    },
    async upload(scripts, call) {
      tellMetadata(call);
      return await lastOf(scripts, call);
    },
    async chat(scripts, responses, call) {
      tellMetadata(call);
      for await (const script of scripts) await play(script, responses, call);
    },
  });
}

async function lastOf(scripts: AsyncIterable<Script> | Iterable<Script>, call: CallContext): Promise<ScriptedResponse> {
  let last = ScriptedResponse.fromPartial({});
  const keep: ResponseStream<ScriptedResponse> = {
    write(response) {
      last = response;
      return true;
    },
    drained: () => Promise.resolve(),
  };
  for await (const script of scripts) await play(script, keep, call);
  return last;
}

async function play(script: Script, responses: ResponseStream<ScriptedResponse>, call: CallContext): Promise<void> {
  const { payload, responseParameters, responseStatus } = script;
  for (const { size, intervalUs, compressed } of responseParameters) {
    if (intervalUs > 0) await pause(systemClock, intervalUs / 1_000, call.signal);
    if (call.signal.aborted) throw call.signal.reason;
    call.compressResponses = compressed?.value === true;
    const body = Buffer.alloc(size, payload?.body.length ? payload.body : 0);
    if (!responses.write({ payload: { type: PayloadType.COMPRESSABLE, body } })) await responses.drained();
  }
  end(responseStatus);
}

function end(status: EchoStatus | undefined): void {
  if (status === undefined || status.code === rpcCodes.OK) return;
  if (status.code === bug) throw new Error(status.message);
  if (status.code === comeLater) throw new RpcError("UNAVAILABLE", status.message, { retryAfterMs: 1_234.5 });
  throw new RpcError(codeNames.get(status.code) ?? "UNKNOWN", status.message);
}

function tellMetadata(call: CallContext): void {
  const texts = [...keys.text, ...keys.binary].map((key) => call.metadata(key));
  const bytes = keys.binary.map((key) => call.binaryMetadata(key));
  const seen = { texts, bytes: bytes.map((value) => value && Buffer.from(value).toString("hex")) };
  call.addTrailer(seenKey, encodeURI(JSON.stringify(seen).toWellFormed()));
  if (texts[0] !== undefined) {
    call.addHeader(keys.text[0], texts[0]);
    call.addTrailer(keys.text[0], texts[0]);
  }
  if (bytes[0] !== undefined) {
    call.addHeader(keys.binary[0], bytes[0]);
    call.addTrailer(keys.binary[0], bytes[0]);
  }
}
