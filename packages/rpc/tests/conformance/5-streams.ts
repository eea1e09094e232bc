import assert from "node:assert/strict";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import { fieldBlock, indexed, literal } from "../../testing/raw-http2/field-block.ts";
import {
  continuation,
  data,
  flags,
  frame,
  headers,
  ping,
  priority,
  rstStream,
  settings,
  streamMax,
  windowUpdate,
} from "../../testing/raw-http2/frames.ts";
import type { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { all, connectionError, ignored, served, streamError, streamOrConnectionError } from "./reactions.ts";
import type { Requirement } from "./requirement.ts";
import { atOnce, head, headAnd, open, request, unary, wait } from "./texts.ts";

const block = fieldBlock(head());
const trailers = fieldBlock([["x-trailer", "1"]]);
const toItself = { dependsOn: 1 };

/** RFC 9113 §5.1: what may come in which state of a stream. */
const states: readonly Requirement[] = [
  {
    section: "5.1 idle",
    sentence:
      "Receiving any frame other than HEADERS or PRIORITY on a stream in this state MUST be treated as a connection error " +
      "of type PROTOCOL_ERROR",
    cases: [
      { sent: "DATA", send: [data(1, "a", { end: true })], expect: connectionError("PROTOCOL_ERROR") },
      { sent: "RST_STREAM", send: [rstStream(1)], expect: connectionError("PROTOCOL_ERROR") },
      { sent: "WINDOW_UPDATE", send: [windowUpdate(1, 1)], expect: connectionError("PROTOCOL_ERROR") },
      { sent: "CONTINUATION", send: [continuation(1, block)], expect: connectionError("PROTOCOL_ERROR") },
      {
        sent: "DATA on a stream above those that were used",
        send: async (client) => {
          client.write(unary(5, "a"));
          await served("a", 5)(client);
          client.write(data(7, "a"));
        },
        expect: connectionError("PROTOCOL_ERROR"),
      },
      { sent: "DATA on a stream of the server's", send: [data(2, "a")], expect: connectionError("PROTOCOL_ERROR") },
      {
        sent: "RST_STREAM on a stream of the server's",
        send: [rstStream(2)],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "WINDOW_UPDATE on a stream of the server's",
        send: [windowUpdate(2, 1)],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      ...[data(2, "a"), rstStream(2), windowUpdate(2, 1)].map((sent, index) => ({
        sent: `${["DATA", "RST_STREAM", "WINDOW_UPDATE"][index]} on a stream of the server's, below one that was used`,
        send: async (client: RawHttp2Client) => {
          client.write(unary(5, "a"));
          await served("a", 5)(client);
          client.write(sent);
        },
        expect: connectionError("PROTOCOL_ERROR"),
      })),
    ],
  },
  {
    section: "5.1 idle",
    sentence:
      "If this stream is initiated by the server … receiving a HEADERS frame MUST also be treated as a connection error",
    cases: [
      {
        sent: "HEADERS on stream 2",
        send: [headers(2, block, { end: true })],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
  {
    section: "5.1 open",
    sentence: 'A stream in the "open" state may be used by both peers to send frames of any type',
    cases: [
      {
        sent: "PRIORITY, WINDOW_UPDATE, DATA and trailers",
        send: [
          open(1),
          priority(1, { dependsOn: 0 }),
          windowUpdate(1, 1),
          request(1, "a"),
          data(1, ""),
          request(1, "b"),
          headers(1, trailers, { end: true }),
        ],
        expect: served("ab"),
      },
      {
        sent: "requests, while responses come",
        send: async (client) => {
          client.write(open(1, "Chat"), request(1, "a"));
          await client.next("DATA", { stream: 1 });
          client.write(request(1, "b"));
          await client.next("DATA", { stream: 1 });
          client.write(data(1, "", { end: true }));
        },
        expect: async (client) => {
          assert.equal((await readAnswer(client, 1)).fields.get("grpc-status"), "0");
        },
      },
      { sent: "RST_STREAM", send: [open(1), rstStream(1), unary(3, "a")], expect: served("a", 3) },
    ],
  },
  {
    section: "5.1 half-closed (remote)",
    sentence:
      "If an endpoint receives additional frames, other than WINDOW_UPDATE, PRIORITY, or RST_STREAM, for a stream that is " +
      "in this state, it MUST respond with a stream error of type STREAM_CLOSED",
    cases: [
      { sent: "DATA", send: [unary(1, wait), request(1, "more")], expect: streamError("STREAM_CLOSED") },
      { sent: "DATA without content", send: [unary(1, wait), data(1, "")], expect: streamError("STREAM_CLOSED") },
      {
        sent: "DATA that ends again",
        send: [unary(1, wait), data(1, "", { end: true })],
        expect: streamError("STREAM_CLOSED"),
      },
      {
        sent: "HEADERS",
        send: [unary(1, wait), headers(1, trailers, { end: true })],
        expect: streamError("STREAM_CLOSED"),
      },
      {
        sent: "CONTINUATION",
        send: [unary(1, wait), continuation(1, trailers)],
        expect: connectionError("PROTOCOL_ERROR", "STREAM_CLOSED"),
      },
      {
        sent: "DATA after trailers",
        send: [open(1), request(1, wait), headers(1, trailers, { end: true }), data(1, "")],
        expect: streamError("STREAM_CLOSED"),
      },
    ],
  },
  {
    section: "5.1 half-closed (remote)",
    sentence: "other than WINDOW_UPDATE, PRIORITY, or RST_STREAM",
    cases: [
      { sent: "WINDOW_UPDATE", send: [unary(1, wait), windowUpdate(1, 1)], expect: ignored },
      { sent: "PRIORITY", send: [unary(1, wait), priority(1, { dependsOn: 0 })], expect: ignored },
      { sent: "RST_STREAM", send: [unary(1, wait), rstStream(1)], expect: ignored },
      { sent: "a frame of unknown type", send: [unary(1, wait), frame(0xfa, 0xff, 1, "unknown")], expect: ignored },
    ],
  },
  {
    section: "5.1 half-closed (local)",
    sentence: "An endpoint can receive any type of frame in this state",
    cases: [
      { sent: "DATA", send: afterAnswer(request(1, "more"), data(1, "", { end: true })), expect: ignored },
      { sent: "trailers", send: afterAnswer(headers(1, trailers, { end: true })), expect: ignored },
      { sent: "WINDOW_UPDATE", send: afterAnswer(windowUpdate(1, 1)), expect: ignored },
      { sent: "PRIORITY", send: afterAnswer(priority(1, { dependsOn: 0 })), expect: ignored },
      { sent: "RST_STREAM", send: afterAnswer(rstStream(1)), expect: ignored },
    ],
  },
  {
    section: "5.1 closed",
    sentence:
      "An endpoint that sends a frame with the END_STREAM flag set … might receive a WINDOW_UPDATE or RST_STREAM frame from " +
      "its peer in the time before the peer receives and processes the frame that closes the stream",
    cases: [
      { sent: "WINDOW_UPDATE after the answer", send: afterUnary(windowUpdate(1, 1)), expect: ignored },
      { sent: "RST_STREAM after the answer", send: afterUnary(rstStream(1)), expect: ignored },
      { sent: "PRIORITY after the answer", send: afterUnary(priority(1, { dependsOn: 0 })), expect: ignored },
      { sent: "a frame of unknown type after the answer", send: afterUnary(frame(0xfa, 0, 1, "x")), expect: ignored },
      {
        sent: "PRIORITY after RST_STREAM",
        send: [open(1), rstStream(1), priority(1, { dependsOn: 0 })],
        expect: ignored,
      },
    ],
  },
  {
    section: "5.1 closed",
    sentence:
      "An endpoint MAY treat receipt of any other type of frame on a closed stream as a connection error of type " +
      "STREAM_CLOSED (RFC 7540: MUST)",
    cases: [
      {
        sent: "DATA after the answer",
        send: afterUnary(data(1, "a")),
        expect: streamOrConnectionError("STREAM_CLOSED"),
      },
      {
        sent: "HEADERS after the answer",
        send: afterUnary(unary(1, "again")),
        expect: connectionError("STREAM_CLOSED"),
      },
      {
        sent: "CONTINUATION after the answer",
        send: afterUnary(continuation(1, trailers)),
        expect: connectionError("PROTOCOL_ERROR", "STREAM_CLOSED"),
      },
      {
        sent: "DATA after the client's own RST_STREAM",
        send: [open(1), rstStream(1), data(1, "a")],
        expect: streamOrConnectionError("STREAM_CLOSED"),
      },
      {
        sent: "HEADERS after the client's own RST_STREAM",
        send: [open(1), rstStream(1), headers(1, block, { end: true })],
        expect: streamOrConnectionError("STREAM_CLOSED"),
      },
      {
        sent: "CONTINUATION after the client's own RST_STREAM",
        send: [open(1), rstStream(1), continuation(1, trailers)],
        expect: connectionError("PROTOCOL_ERROR", "STREAM_CLOSED"),
      },
    ],
  },
  {
    section: "5.1 closed",
    sentence:
      "An endpoint that sends a RST_STREAM frame … could receive any type of frame. … An endpoint MUST minimally process " +
      "and then discard any frames it receives in this state",
    cases: [
      { sent: "DATA", send: afterReset(request(1, "a"), data(1, "", { end: true })), expect: ignored },
      { sent: "trailers", send: afterReset(headers(1, trailers, { end: true })), expect: ignored },
      {
        sent: "trailers in CONTINUATION",
        send: afterReset(headers(1, trailers, { end: true, endHeaders: false }), continuation(1, "")),
        expect: ignored,
      },
      { sent: "WINDOW_UPDATE", send: afterReset(windowUpdate(1, 1)), expect: ignored },
      { sent: "PRIORITY", send: afterReset(priority(1, { dependsOn: 0 })), expect: ignored },
      { sent: "RST_STREAM", send: afterReset(rstStream(1)), expect: ignored },
    ],
  },
  {
    section: "5.1 closed",
    sentence: "Additionally, the content of DATA frames counts toward the connection flow-control window",
    cases: [
      {
        sent: "DATA on streams that the server has reset, until the connection's window is used up",
        options: { limits: { connectionWindowBytes: 65_535 } },
        send: async (client) => {
          for (const stream of [1, 3, 5, 7]) {
            client.write(headers(stream, fieldBlock(headAnd("X-Upper", "is malformed"))));
            await client.next("RST_STREAM", { stream });
          }
          for (const stream of [1, 3, 5, 7]) client.write(data(stream, Buffer.alloc(16_383)));
        },
        expect: windowGivenBack,
      },
      {
        sent: "the same on streams that the server has refused",
        options: { limits: { connectionWindowBytes: 65_535, concurrentStreams: 1 } },
        send: async (client) => {
          client.write(open(1), open(3), open(5), open(7), open(9));
          for (const stream of [3, 5, 7, 9]) await client.next("RST_STREAM", { stream });
          for (const stream of [3, 5, 7, 9]) client.write(data(stream, Buffer.alloc(16_383)));
        },
        expect: windowGivenBack,
      },
      {
        sent: "the same on streams whose requests have ended",
        options: { limits: { connectionWindowBytes: 65_535 } },
        send: async (client) => {
          for (const stream of [1, 3, 5, 7]) client.write(unary(stream, wait), data(stream, Buffer.alloc(16_372)));
          for (const stream of [1, 3, 5, 7]) await client.next("RST_STREAM", { stream });
        },
        expect: windowGivenBack,
      },
    ],
  },
];

/** RFC 9113 §5.1.1 and §5.1.2: numbers of streams. */
const identifiers: readonly Requirement[] = [
  {
    section: "5.1.1",
    sentence: "Streams initiated by a client MUST use odd-numbered stream identifiers",
    cases: [{ sent: "a call on stream 2", send: [unary(2, "a")], expect: connectionError("PROTOCOL_ERROR") }],
  },
  {
    section: "5.1.1",
    sentence: "the stream identifier of zero cannot be used to establish a new stream",
    cases: [{ sent: "a call on stream 0", send: [unary(0, "a")], expect: connectionError("PROTOCOL_ERROR") }],
  },
  {
    section: "5.1.1",
    sentence:
      "The identifier of a newly established stream MUST be numerically greater than all streams that the initiating " +
      "endpoint has opened or reserved. … MUST respond with a connection error of type PROTOCOL_ERROR",
    cases: [
      {
        sent: "stream 5, answered, then 3",
        send: async (client) => {
          client.write(unary(5, "a"));
          await served("a", 5)(client);
          client.write(unary(3, "b"));
        },
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "stream 5, not answered yet, then 3",
        send: [unary(5, wait), unary(3, "b")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "the last stream there can be, then one before",
        send: async (client) => {
          client.write(unary(streamMax, "a"));
          await served("a", streamMax)(client);
          client.write(unary(streamMax - 2, "b"));
        },
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
  {
    section: "5.1.1",
    sentence:
      "an endpoint may skip a stream identifier, with the effect being that the skipped stream is immediately closed",
    cases: [
      { sent: "streams 1 and 7", send: [unary(1, "a"), unary(7, "b")], expect: all(served("a"), served("b", 7)) },
      {
        sent: "DATA on a skipped stream",
        send: [unary(7, wait), data(5, "a")],
        expect: streamOrConnectionError(["STREAM_CLOSED", "PROTOCOL_ERROR"], 5),
      },
      {
        sent: "PRIORITY on stream 5, which skips nothing, and a call on 3",
        send: [priority(5, { dependsOn: 0 }), unary(3, "a")],
        expect: served("a", 3),
      },
    ],
  },
  {
    section: "5.1.2",
    sentence:
      "An endpoint that receives a HEADERS frame that causes its advertised concurrent stream limit to be exceeded MUST " +
      "treat this as a stream error of type PROTOCOL_ERROR or REFUSED_STREAM",
    cases: [
      {
        sent: "one stream more than SETTINGS_MAX_CONCURRENT_STREAMS",
        options: { limits: { concurrentStreams: 3 } },
        send: async (client) => {
          assert.equal(client.serverSetting("MAX_CONCURRENT_STREAMS"), 3);
          client.write(open(1), open(3), open(5), unary(7, "a"));
        },
        expect: streamError("REFUSED_STREAM", 7),
      },
      {
        sent: "as many as are allowed, of which one ends before the next",
        options: { limits: { concurrentStreams: 3 } },
        send: async (client) => {
          client.write(open(1), open(3), open(5), request(3, "a", { end: true }));
          await served("a", 3)(client);
          client.write(unary(7, "b"));
        },
        expect: served("b", 7),
      },
      {
        sent: "as many as are allowed, of which one is reset before the next",
        options: { limits: { concurrentStreams: 3 } },
        send: async (client) => {
          client.write(open(1), open(3), open(5), rstStream(3));
          // Until the handler has heard of it, the call counts.
          await client.roundTrip();
          client.write(unary(7, "b"));
        },
        expect: served("b", 7),
      },
    ],
  },
  {
    section: "5.3.1 of RFC 7540",
    sentence: "A stream cannot depend on itself. An endpoint MUST treat this as a stream error of type PROTOCOL_ERROR",
    cases: [
      {
        sent: "HEADERS",
        send: [headers(1, block, { priority: toItself, end: true })],
        expect: streamError("PROTOCOL_ERROR"),
      },
      {
        sent: "HEADERS, their fields in two frames and in the dynamic table, which the next call uses",
        send: [
          headers(1, block, { priority: toItself, endHeaders: false }),
          continuation(1, literal("incremental", "x-test", "b")),
          headers(3, Buffer.concat([block, indexed(62)])),
          request(3, "a", { end: true }),
        ],
        expect: all(streamError("PROTOCOL_ERROR"), served("ab", 3)),
      },
      { sent: "PRIORITY", send: [open(1), priority(1, toItself)], expect: streamOrConnectionError("PROTOCOL_ERROR") },
      {
        sent: "PRIORITY on an idle stream, which cannot be reset (§6.4)",
        send: [priority(1, toItself)],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
];

/** RFC 9113 §5.4 and §5.5: errors and extensions. */
const errors: readonly Requirement[] = [
  {
    section: "5.4.1",
    sentence:
      "An endpoint that encounters a connection error SHOULD first send a GOAWAY frame with the stream identifier of the " +
      "last stream that it successfully received",
    cases: [
      {
        sent: "two calls, then a frame that ends the connection",
        send: async (client) => {
          client.write(unary(1, "a"), unary(3, "b"));
          await all(served("a"), served("b", 3))(client);
          client.write(ping("no 8 bytes"));
        },
        expect: async (client) => {
          assert.equal((await client.next("GOAWAY")).payload.readUInt32BE(0), 3);
        },
      },
    ],
  },
  {
    section: "5.4.1",
    sentence: "After sending the GOAWAY frame for an error condition, the endpoint MUST close the TCP connection",
    cases: [
      { sent: "a PING of 4 octets", send: [ping("four")], expect: connectionError("FRAME_SIZE_ERROR") },
      {
        sent: "a PING of 4 octets, and behind it what would be answered otherwise",
        send: [ping("four"), unary(1, "a"), ping(), settings()],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
    ],
  },
  {
    section: "5.4.2",
    sentence:
      "A stream error is an error related to a specific stream that does not affect processing of other streams",
    cases: [
      {
        sent: "a malformed call between two others",
        send: [
          open(1),
          unary(3, "b", headAnd("X-Upper", "is malformed")),
          unary(5, "c"),
          request(1, "a", { end: true }),
        ],
        expect: async (client) => {
          await client.next("RST_STREAM", { stream: 3 });
          client.write(unary(7, "d"));
          await served("d", 7)(client);
          const ended = client.received.filter((frame) => frame.type === "HEADERS" && frame.flags & flags.END_STREAM);
          assert.deepEqual(ended.map(({ stream }) => stream).sort(), [1, 5, 7]);
        },
      },
    ],
  },
  {
    section: "5.4.2",
    sentence: "To avoid looping, an endpoint MUST NOT send a RST_STREAM in response to a RST_STREAM frame",
    cases: [
      { sent: "RST_STREAM on an open stream", send: [open(1), rstStream(1)], expect: ignored },
      {
        sent: "RST_STREAM on a stream that is reset already",
        send: [open(1), rstStream(1), rstStream(1)],
        expect: ignored,
      },
    ],
  },
  {
    section: "5.4.2",
    sentence: "Normally, an endpoint SHOULD NOT send more than one RST_STREAM frame for any stream",
    cases: [
      {
        sent: "a malformed call, with DATA of it behind",
        send: [
          headers(1, fieldBlock(headAnd("X-Upper", "1"))),
          request(1, "a"),
          request(1, "b"),
          data(1, "", { end: true }),
        ],
        expect: streamError("PROTOCOL_ERROR"),
      },
    ],
  },
  {
    section: "5.5",
    sentence: "Implementations MUST ignore unknown or unsupported values in all extensible protocol elements",
    cases: [
      { sent: "a setting", send: [settings([0xfa, 1]), unary(1, "a")], expect: served("a") },
      { sent: "an error code", send: [open(1), rstStream(1, 0xfa_fa_fa), unary(3, "a")], expect: served("a", 3) },
      { sent: "a frame type", send: [frame(0x20, 0, 0, "x"), unary(1, "a")], expect: served("a") },
    ],
  },
  {
    section: "5.5",
    sentence:
      "extension frames that appear in the middle of a field block … MUST be treated as a connection error of type PROTOCOL_ERROR",
    cases: [
      {
        sent: "a frame of unknown type on the same stream",
        send: [headers(1, block, { endHeaders: false }), frame(0xfa, 0, 1, "x"), continuation(1, "")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "a frame of unknown type on stream 0",
        send: [headers(1, block, { endHeaders: false }), frame(0xfa, 0, 0, "x"), continuation(1, "")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
];

export const streams: readonly Requirement[] = [...states, ...identifiers, ...errors];

async function windowGivenBack(client: RawHttp2Client): Promise<void> {
  await client.next("WINDOW_UPDATE", { stream: 0 });
}

/** Sends this on stream 1 when the call on it is answered and its requests have not ended. */
function afterAnswer(...frames: readonly Buffer[]): (client: RawHttp2Client) => Promise<void> {
  return async (client) => {
    client.write(open(1), request(1, atOnce));
    await readAnswer(client, 1);
    // §8.1: the server asks the client to send no more.
    await streamError("NO_ERROR")(client);
    client.write(...frames);
  };
}

/** Sends this on stream 1 when the call on it is over. */
function afterUnary(...frames: readonly Buffer[]): (client: RawHttp2Client) => Promise<void> {
  return async (client) => {
    client.write(unary(1, "over"));
    await served("over")(client);
    client.write(...frames);
  };
}

/** Sends this on stream 1 when the server has reset it. */
function afterReset(...frames: readonly Buffer[]): (client: RawHttp2Client) => Promise<void> {
  return async (client) => {
    client.write(headers(1, fieldBlock(headAnd("X-Upper", "is malformed"))));
    await client.next("RST_STREAM", { stream: 1 });
    client.write(...frames);
  };
}
