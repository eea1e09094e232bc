import assert from "node:assert/strict";
import { fieldBlock } from "../../testing/raw-http2/field-block.ts";
import {
  continuation,
  data,
  flags,
  frame,
  headers,
  priority,
  pushPromise,
  rstStream,
} from "../../testing/raw-http2/frames.ts";
import { all, connectionError, dataBytes, served, streamOrConnectionError } from "./reactions.ts";
import type { Case, Requirement } from "./requirement.ts";
import { download, head, headAnd, messageOf, open, request, unary, wait } from "./texts.ts";

const block = fieldBlock(head());

const dataFrames: readonly Requirement[] = [
  {
    section: "6.1",
    sentence:
      "If a DATA frame is received whose Stream Identifier field is 0x00, the recipient MUST respond with a connection " +
      "error of type PROTOCOL_ERROR",
    cases: [{ sent: "DATA on stream 0", send: [data(0, "a")], expect: connectionError("PROTOCOL_ERROR") }],
  },
  {
    section: "6.1",
    sentence: "One or more DATA frames are used, for instance, to carry HTTP request … message contents",
    cases: [
      { sent: "a message in one frame", send: [unary(1, "whole")], expect: served("whole") },
      {
        sent: "a message in frames of one octet",
        send: [open(1), ...cutUp("in bits"), data(1, "", { end: true })],
        expect: served("in bits"),
      },
      {
        sent: "two messages in one frame",
        send: [open(1), data(1, Buffer.concat([messageOf("a"), messageOf("b")]), { end: true })],
        expect: served("ab"),
      },
      {
        sent: "END_STREAM in a frame without content",
        send: [open(1), request(1, "a"), data(1, "", { end: true })],
        expect: served("a"),
      },
    ],
  },
  {
    section: "6.1",
    sentence: "DATA frames MAY also contain padding",
    cases: [
      { sent: "Pad Length 0", send: [open(1), request(1, "a", { padding: 0, end: true })], expect: served("a") },
      { sent: "Pad Length 255", send: [open(1), request(1, "a", { padding: 255, end: true })], expect: served("a") },
      {
        sent: "nothing but padding",
        send: [open(1), request(1, "a"), data(1, "", { padding: 100 }), data(1, "", { padding: 7, end: true })],
        expect: served("a"),
      },
    ],
  },
  {
    section: "6.1",
    sentence:
      "If the length of the padding is the length of the frame payload or greater, the recipient MUST treat this as a " +
      "connection error of type PROTOCOL_ERROR",
    cases: [
      {
        sent: "as long",
        send: [open(1), frame("DATA", flags.PADDED, 1, "\x04abc")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "longer",
        send: [open(1), frame("DATA", flags.PADDED, 1, "\x7fabc")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "1 of 1",
        send: [open(1), frame("DATA", flags.PADDED, 1, "\x01")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
];

const headersFrames: readonly Requirement[] = [
  {
    section: "6.2",
    sentence:
      "If a HEADERS frame is received whose Stream Identifier field is 0x00, the recipient MUST respond with a connection " +
      "error of type PROTOCOL_ERROR",
    cases: [
      {
        sent: "HEADERS on stream 0",
        send: [headers(0, block, { end: true })],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
  {
    section: "6.2",
    sentence:
      "A HEADERS frame without the END_HEADERS flag set MUST be followed by a CONTINUATION frame for the same stream. A " +
      "receiver MUST treat the receipt of any other type of frame or a frame on a different stream as a connection error",
    cases: [
      {
        sent: "another HEADERS on the same stream",
        send: [headers(1, block, { endHeaders: false }), headers(1, block)],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "DATA on another open stream",
        send: [open(1), headers(3, block, { endHeaders: false }), request(1, "a")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "PUSH_PROMISE",
        send: [headers(1, block, { endHeaders: false }), pushPromise(1, 2, block)],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
  {
    section: "6.2",
    sentence:
      "When set, the PADDED flag indicates that the Pad Length field and any padding that it describes are present (the PRIORITY flag: …)",
    cases: [
      {
        sent: "Pad Length 0",
        send: [headers(1, block, { padding: 0 }), request(1, "a", { end: true })],
        expect: served("a"),
      },
      {
        sent: "Pad Length 255",
        send: [headers(1, block, { padding: 255 }), request(1, "a", { end: true })],
        expect: served("a"),
      },
      {
        sent: "priority",
        send: [headers(1, block, { priority: { dependsOn: 0, weight: 256 } }), request(1, "a", { end: true })],
        expect: served("a"),
      },
      {
        sent: "exclusive priority on a stream that there is not, and padding",
        send: [
          headers(1, block, { priority: { dependsOn: 99, weight: 1, exclusive: true }, padding: 9 }),
          request(1, "a", { end: true }),
        ],
        expect: served("a"),
      },
      {
        sent: "padding in HEADERS, the rest of the block in CONTINUATION",
        send: [
          headers(1, block.subarray(0, 30), { padding: 9, endHeaders: false }),
          continuation(1, block.subarray(30)),
          request(1, "a", { end: true }),
        ],
        expect: served("a"),
      },
    ],
  },
  {
    section: "6.2",
    sentence: "a HEADERS frame with the END_STREAM flag set can be followed by CONTINUATION frames on the same stream",
    cases: [
      {
        sent: "trailers in HEADERS and CONTINUATION",
        send: [
          open(1),
          request(1, "a"),
          headers(1, fieldBlock([["x-trailer", "1"]]), { end: true, endHeaders: false }),
          continuation(1, fieldBlock([["x-other", "2"]])),
        ],
        expect: served("a"),
      },
    ],
  },
  {
    section: "6.2",
    sentence:
      "If the length of the padding is the length of the frame payload or greater, the recipient MUST treat this as a " +
      "connection error of type PROTOCOL_ERROR",
    cases: [
      paddedHeaders("as long", 0, (length) => length),
      paddedHeaders("longer", 0, (length) => length + 1),
      paddedHeaders("longer, with priority", flags.PRIORITY, (length) => length),
    ],
  },
];

const priorityFrames: readonly Requirement[] = [
  {
    section: "6.3",
    sentence:
      "If a PRIORITY frame is received with a stream identifier of 0x00, the recipient MUST respond with a connection error " +
      "of type PROTOCOL_ERROR",
    cases: [
      {
        sent: "PRIORITY on stream 0",
        send: [priority(0, { dependsOn: 1 })],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
  {
    section: "6.3",
    sentence:
      "A PRIORITY frame with a length other than 5 octets MUST be treated as a stream error of type FRAME_SIZE_ERROR",
    cases: [
      {
        sent: "4 octets",
        send: [open(1), frame("PRIORITY", 0, 1, "four")],
        expect: streamOrConnectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "6 octets",
        send: [open(1), frame("PRIORITY", 0, 1, "sixsix")],
        expect: streamOrConnectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "none, on an idle stream, which cannot be reset (§6.4)",
        send: [frame("PRIORITY", 0, 1)],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
    ],
  },
  {
    section: "6.3",
    sentence: 'The PRIORITY frame can be sent on a stream in any state, including "idle" or "closed"',
    cases: [
      {
        sent: "on an idle stream, weight 1",
        send: [priority(1, { dependsOn: 0, weight: 1 }), unary(1, "a")],
        expect: served("a"),
      },
      {
        sent: "on an idle stream, weight 256",
        send: [priority(1, { dependsOn: 3, weight: 256 }), unary(1, "a")],
        expect: served("a"),
      },
      { sent: "exclusive", send: [priority(1, { dependsOn: 3, exclusive: true }), unary(1, "a")], expect: served("a") },
      {
        sent: "on a stream of the server's",
        send: [priority(2, { dependsOn: 0 }), unary(1, "a")],
        expect: served("a"),
      },
    ],
  },
];

const rstStreamFrames: readonly Requirement[] = [
  {
    section: "6.4",
    sentence:
      "If a RST_STREAM frame is received with a stream identifier of 0x00, the recipient MUST treat this as a connection " +
      "error of type PROTOCOL_ERROR",
    cases: [{ sent: "RST_STREAM on stream 0", send: [rstStream(0)], expect: connectionError("PROTOCOL_ERROR") }],
  },
  {
    section: "6.4",
    sentence:
      "A RST_STREAM frame with a length other than 4 octets MUST be treated as a connection error of type FRAME_SIZE_ERROR",
    cases: [
      {
        sent: "3 octets",
        send: [open(1), frame("RST_STREAM", 0, 1, "abc")],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "5 octets",
        send: [open(1), frame("RST_STREAM", 0, 1, "abcde")],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
      { sent: "none", send: [open(1), frame("RST_STREAM", 0, 1)], expect: connectionError("FRAME_SIZE_ERROR") },
    ],
  },
  {
    section: "6.4",
    sentence: "After receiving a RST_STREAM on a stream, the receiver MUST NOT send additional frames for that stream",
    cases: [
      {
        sent: "RST_STREAM on a call that waits",
        send: [unary(1, wait), rstStream(1), unary(3, "a")],
        expect: async (client) => {
          await served("a", 3)(client);
          assert.deepEqual(
            client.received.filter(({ stream }) => stream === 1),
            [],
          );
        },
      },
      {
        sent: "RST_STREAM on a response that the window holds up, then WINDOW_UPDATE of the connection",
        send: async (client) => {
          client.write(download(1, 100_000));
          while (dataBytes(client, 1) < 65_535) await client.next("DATA", { stream: 1 });
          client.write(rstStream(1), frame("WINDOW_UPDATE", 0, 0, Buffer.from([0, 0xff, 0xff, 0xff])), unary(3, "a"));
        },
        expect: async (client) => {
          await served("a", 3)(client);
          assert.equal(dataBytes(client, 1), 65_535);
        },
      },
    ],
  },
];

const continuationFrames: readonly Requirement[] = [
  {
    section: "6.10",
    sentence: "Any number of CONTINUATION frames can be sent, as long as the preceding frame is on the same stream",
    cases: [
      {
        sent: "two",
        send: [
          headers(1, block.subarray(0, 5), { endHeaders: false }),
          continuation(1, block.subarray(5, 50), false),
          continuation(1, block.subarray(50)),
          request(1, "a", { end: true }),
        ],
        expect: served("a"),
      },
      {
        sent: "a call that is answered with more header and trailer fields than a frame holds",
        send: [unary(1, "a", headAnd("x-letters", "20000"))],
        expect: all(served("a"), async (client) => {
          assert.equal(client.received.filter(({ type }) => type === "CONTINUATION").length, 2);
        }),
      },
    ],
  },
  {
    section: "6.10",
    sentence:
      "If the END_HEADERS flag is not set, this frame MUST be followed by another CONTINUATION frame. A receiver MUST treat " +
      "the receipt of any other type of frame or a frame on a different stream as a connection error of type PROTOCOL_ERROR",
    cases: [
      {
        sent: "DATA after the first of two",
        send: [headers(1, block, { endHeaders: false }), continuation(1, "", false), request(1, "a")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "CONTINUATION of another stream after the first of two",
        send: [headers(1, block, { endHeaders: false }), continuation(1, "", false), continuation(3, "")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
  {
    section: "6.10",
    sentence:
      "If a CONTINUATION frame is received with a Stream Identifier field of 0x00, the recipient MUST respond with a " +
      "connection error of type PROTOCOL_ERROR",
    cases: [
      {
        sent: "after HEADERS of stream 1",
        send: [headers(1, block, { endHeaders: false }), continuation(0, "")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      { sent: "after nothing", send: [continuation(0, "")], expect: connectionError("PROTOCOL_ERROR") },
    ],
  },
  {
    section: "6.10",
    sentence:
      "A CONTINUATION frame MUST be preceded by a HEADERS, PUSH_PROMISE or CONTINUATION frame without the END_HEADERS flag " +
      "set. A recipient that observes violation of this rule MUST respond with a connection error of type PROTOCOL_ERROR",
    cases: [
      {
        sent: "after HEADERS with END_HEADERS",
        send: [open(1), continuation(1, "")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "after CONTINUATION with END_HEADERS",
        send: [headers(1, block, { endHeaders: false }), continuation(1, ""), continuation(1, "")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "after DATA",
        send: [open(1), request(1, "a"), continuation(1, "")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
];

/** RFC 9113 §6.1 to §6.4 and §6.10: frames that belong to a stream. */
export const streamFrames: readonly Requirement[] = [
  ...dataFrames,
  ...headersFrames,
  ...priorityFrames,
  ...rstStreamFrames,
  ...continuationFrames,
];

/** A request in DATA frames of one octet each. */
function cutUp(content: string): Buffer[] {
  return [...messageOf(content)].map((octet) => data(1, Buffer.of(octet)));
}

/** @param padLength what the frame claims, by the length of its payload */
function paddedHeaders(sent: string, more: number, padLength: (length: number) => number): Case {
  const priorityBytes = more === 0 ? "" : "\0\0\0\0\0";
  const length = 1 + priorityBytes.length + 3;
  const payload = Buffer.from([padLength(length), ...Buffer.from(priorityBytes), 0x83, 0x86, 0x84]);
  return {
    sent,
    send: [frame("HEADERS", flags.PADDED | flags.END_HEADERS | more, 1, payload)],
    expect: connectionError("PROTOCOL_ERROR"),
  };
}
