import assert from "node:assert/strict";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import type { ErrorCode } from "../../testing/raw-http2/frames.ts";
import type { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { describeFrame, errorCodeOf, type ReceivedFrame } from "../../testing/raw-http2/received-frame.ts";
import type { Reaction } from "./requirement.ts";
import { textOf } from "./texts.ts";

/** GOAWAY with one of these codes, then the end of the connection. */
export function connectionError(...codes: readonly ErrorCode[]): Reaction {
  return async (client) => {
    hasCode(await client.next("GOAWAY"), codes);
    await client.untilClosed();
  };
}

/** RST_STREAM with this code; the connection goes on. */
export function streamError(code: ErrorCode, stream = 1): Reaction {
  return async (client) => {
    hasCode(await client.next("RST_STREAM", { stream }), [code]);
    await client.roundTrip();
  };
}

/** An error of the stream, or of the connection where the RFC leaves that open (§5.4.1 does wherever it says stream). */
export function streamOrConnectionError(code: ErrorCode | readonly ErrorCode[], stream = 1): Reaction {
  return async (client) => {
    const frame = await client.nextOf(["RST_STREAM", "GOAWAY"]);
    if (frame.type === "RST_STREAM") assert.equal(frame.stream, stream);
    hasCode(frame, [code].flat());
  };
}

/** §8.1.1: a stream error PROTOCOL_ERROR, perhaps after a response that says so; the calls are not served. */
export function malformed(...streams: readonly number[]): Reaction {
  const all = streams.length === 0 ? [1] : streams;
  return async (client) => {
    for (const stream of all) hasCode(await client.next("RST_STREAM", { stream }), ["PROTOCOL_ERROR"]);
    await client.roundTrip();
    for (const { stream, fields } of client.received) {
      const status = fields?.find(([name]) => name === "grpc-status")?.[1];
      if (all.includes(stream)) assert.notEqual(status, "0", `stream ${stream} was served`);
    }
  };
}

/** Nothing comes of it: a PING after it is answered as if it had not been. */
export const ignored: Reaction = (client) => client.roundTrip();

/** The call on this stream is answered with this text and grpc-status 0, and the connection goes on. */
export function served(content: string, stream = 1): Reaction {
  return async (client) => {
    const { fields, body } = await readAnswer(client, stream);
    assert.equal(fields.get("grpc-status"), "0", fields.get("grpc-message"));
    assert.equal(textOf(body), content);
    await client.roundTrip();
  };
}

/** There is an answer of whatever kind on this stream, no error of HTTP/2, and the connection goes on. */
export function answered(stream = 1): Reaction {
  return async (client) => {
    await readAnswer(client, stream);
    await client.roundTrip();
  };
}

/** The connection ends, with GOAWAY or without. */
export const closed: Reaction = (client) => client.untilClosed();

/** §3.4: the connection ends; GOAWAY may be omitted, but if there is one, it says PROTOCOL_ERROR. */
export const invalidPreface: Reaction = async (client) => {
  await client.untilClosed();
  for (const frame of client.received) if (frame.type === "GOAWAY") hasCode(frame, ["PROTOCOL_ERROR"]);
};

/** One after the other. */
export function all(...reactions: readonly Reaction[]): Reaction {
  return async (client) => {
    for (const reaction of reactions) await reaction(client);
  };
}

/** DATA bytes that came on a stream so far. */
export function dataBytes(client: RawHttp2Client, stream: number): number {
  return client.received
    .filter((frame) => frame.type === "DATA" && frame.stream === stream)
    .reduce((sum, { payload }) => sum + payload.length, 0);
}

function hasCode(frame: ReceivedFrame, codes: readonly ErrorCode[]): void {
  const isOne = codes.some((code) => code === errorCodeOf(frame));
  assert.ok(isOne, `${codes.join(" or ")} was due, and ${describeFrame(frame)} came`);
}
