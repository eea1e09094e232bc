import assert from "node:assert/strict";
import { fieldBlock, indexed, literal, sizeUpdate } from "../../testing/raw-http2/field-block.ts";
import {
  continuation,
  data,
  type FrameType,
  flags,
  frame,
  frameHead,
  goaway,
  headers,
  ping,
  preface,
  priority,
  reservedBit,
  rstStream,
  settings,
  uint32,
  windowUpdate,
} from "../../testing/raw-http2/frames.ts";
import type { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { all, answered, connectionError, ignored, served, streamError, streamOrConnectionError } from "./reactions.ts";
import type { Case, Requirement } from "./requirement.ts";
import { atOnce, head, headAnd, messageOf, open, request, unary, wait } from "./texts.ts";

const frameMaxBytes = 16_384;
const unknownType = 0xfa;
const block = fieldBlock(head());
const smallTable = { limits: { headerTableMaxBytes: 1_000 } };

/** RFC 9113 §4: frames, and field blocks in them. */
export const frames: readonly Requirement[] = [
  {
    section: "4.1",
    sentence: "Implementations MUST ignore and discard frames of unknown types",
    cases: [
      { sent: "one on stream 0", send: [frame(unknownType, 0, 0, "unknown")], expect: ignored },
      { sent: "one with all flags", send: [frame(unknownType, 0xff, 0, "unknown")], expect: ignored },
      { sent: "an empty one", send: [frame(0xff, 0, 0)], expect: ignored },
      { sent: "one of 16,384 bytes", send: [frame(0x0b, 0, 0, Buffer.alloc(frameMaxBytes))], expect: ignored },
      {
        sent: "one on an idle stream",
        send: [frame(unknownType, 0, 1, "unknown"), unary(1, "a")],
        expect: served("a"),
      },
      {
        sent: "one between HEADERS and DATA",
        send: [open(1), frame(unknownType, flags.END_STREAM, 1, "x"), request(1, "a", { end: true })],
        expect: served("a"),
      },
    ],
  },
  {
    section: "4.1",
    sentence: "Unused flags MUST be ignored on receipt and MUST be left unset (0x00) when sending",
    cases: [
      { sent: "DATA", send: [open(1), request(1, "a", { end: true, flags: 0xf6 })], expect: served("a") },
      {
        sent: "HEADERS",
        send: [headers(1, block, { flags: 0xd2 }), request(1, "a", { end: true })],
        expect: served("a"),
      },
      {
        sent: "CONTINUATION",
        send: [
          headers(1, "", { endHeaders: false }),
          frame("CONTINUATION", 0xff, 1, block),
          request(1, "a", { end: true }),
        ],
        expect: served("a"),
      },
      { sent: "PRIORITY", send: [frame("PRIORITY", 0xff, 1, Buffer.from([0, 0, 0, 0, 16]))], expect: ignored },
      {
        sent: "RST_STREAM",
        send: [unary(1, wait), frame("RST_STREAM", 0xff, 1, uint32(8)), unary(3, "a")],
        expect: served("a", 3),
      },
      {
        sent: "SETTINGS",
        send: [frame("SETTINGS", 0xfe, 0, Buffer.from([0, 4, 0, 0, 0xff, 0xff]))],
        expect: async (client) => {
          await client.next("SETTINGS", { ack: true });
        },
      },
      {
        sent: "PING",
        send: [frame("PING", 0xfe, 0, "flagging")],
        expect: async (client) => {
          assert.equal((await client.next("PING", { ack: true })).payload.toString(), "flagging");
        },
      },
      { sent: "WINDOW_UPDATE", send: [frame("WINDOW_UPDATE", 0xff, 0, uint32(1)), unary(1, "a")], expect: served("a") },
      {
        sent: "GOAWAY",
        send: [open(1), frame("GOAWAY", 0xff, 0, Buffer.alloc(8)), request(1, "a", { end: true })],
        expect: servedBeforeTheEnd,
      },
    ],
  },
  {
    section: "4.1",
    sentence: "The semantics of this bit are undefined, and the bit … MUST be ignored when receiving",
    cases: [
      { sent: "PING on stream 0", send: [frame("PING", 0, reservedBit, "reserved")], expect: pingAnswered("reserved") },
      { sent: "SETTINGS on stream 0", send: [frame("SETTINGS", 0, reservedBit)], expect: settingsAcknowledged },
      {
        sent: "HEADERS and DATA on stream 1",
        send: [headers(1 + reservedBit, block), request(1 + reservedBit, "a", { end: true })],
        expect: served("a"),
      },
      { sent: "PRIORITY", send: [priority(1 + reservedBit, { dependsOn: 0 }), unary(1, "a")], expect: served("a") },
      {
        sent: "RST_STREAM",
        send: [unary(1, wait), rstStream(1 + reservedBit), unary(3, "a")],
        expect: served("a", 3),
      },
      {
        sent: "WINDOW_UPDATE, in both places",
        send: [open(1), windowUpdate(1 + reservedBit, 1 + reservedBit), request(1, "a", { end: true })],
        expect: served("a"),
      },
      {
        sent: "CONTINUATION",
        send: [
          headers(1, "", { endHeaders: false }),
          continuation(1 + reservedBit, block),
          request(1, "a", { end: true }),
        ],
        expect: served("a"),
      },
    ],
  },
  {
    section: "4.2",
    sentence: "All implementations MUST be capable of receiving and minimally processing frames up to 2^14 octets",
    cases: [
      {
        sent: "DATA of 16,384 octets",
        send: [open(1), data(1, messageOf("x".repeat(frameMaxBytes - 9)), { end: true })],
        expect: served("x".repeat(frameMaxBytes - 9)),
      },
      {
        sent: "HEADERS of 16,384 octets",
        send: [headers(1, longBlock(frameMaxBytes), { end: true })],
        expect: answered(),
      },
      {
        sent: "CONTINUATION of 16,384 octets",
        send: [headers(1, "", { endHeaders: false, end: true }), continuation(1, longBlock(frameMaxBytes))],
        expect: answered(),
      },
      {
        sent: "GOAWAY of 16,384 octets, during a call",
        send: [open(1), goaway(0, "NO_ERROR", Buffer.alloc(frameMaxBytes - 8)), request(1, "a", { end: true })],
        expect: servedBeforeTheEnd,
      },
    ],
  },
  {
    section: "4.2",
    sentence:
      "An endpoint MUST send an error code of FRAME_SIZE_ERROR if a frame exceeds the size defined in SETTINGS_MAX_FRAME_SIZE",
    cases: [
      {
        sent: "DATA of 16,385 octets",
        send: [open(1), data(1, Buffer.alloc(frameMaxBytes + 1))],
        expect: streamOrConnectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "WINDOW_UPDATE of 16,385 octets on a stream",
        send: [open(1), frame("WINDOW_UPDATE", 0, 1, Buffer.alloc(frameMaxBytes + 1))],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "an unknown frame of 16,385 octets",
        send: [frame(unknownType, 0, 0, Buffer.alloc(frameMaxBytes + 1))],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "the head of a frame of 2^24-1 octets",
        send: [frameHead(2 ** 24 - 1, "SETTINGS", 0, 0)],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
    ],
  },
  {
    section: "4.2",
    sentence:
      "A frame size error in a frame that could alter the state of the entire connection MUST be treated as a connection " +
      "error; this includes any frame carrying a field block …, a SETTINGS frame, and any frame with a stream identifier of 0",
    cases: [
      {
        sent: "HEADERS of 16,385 octets",
        send: [headers(1, longBlock(frameMaxBytes + 1), { end: true })],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "CONTINUATION of 16,385 octets",
        send: [headers(1, "", { endHeaders: false, end: true }), continuation(1, longBlock(frameMaxBytes + 1))],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "SETTINGS of 16,386 octets, which is a multiple of 6",
        send: [frame("SETTINGS", 0, 0, Buffer.alloc(frameMaxBytes + 2))],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "PING of 16,385 octets",
        send: [frame("PING", 0, 0, Buffer.alloc(frameMaxBytes + 1))],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "GOAWAY of 16,385 octets",
        send: [goaway(0, "NO_ERROR", Buffer.alloc(frameMaxBytes - 7))],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
    ],
  },
  {
    section: "4.2",
    sentence:
      "An endpoint MUST send an error code of FRAME_SIZE_ERROR if a frame … is too small to contain mandatory frame data",
    cases: [
      {
        sent: "DATA with padding and no Pad Length",
        send: [open(1), frame("DATA", flags.PADDED, 1)],
        expect: streamOrConnectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "HEADERS with padding and no Pad Length",
        send: [frame("HEADERS", flags.PADDED | flags.END_HEADERS, 1)],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "HEADERS with PRIORITY and 4 octets",
        send: [frame("HEADERS", flags.PRIORITY | flags.END_HEADERS, 1, "four")],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "HEADERS with PRIORITY, padding and 5 octets",
        send: [frame("HEADERS", flags.PADDED | flags.PRIORITY | flags.END_HEADERS, 1, Buffer.alloc(5))],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
      {
        sent: "GOAWAY of 7 octets",
        send: [frame("GOAWAY", 0, 0, Buffer.alloc(7))],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
    ],
  },
  {
    section: "4.3",
    sentence:
      "A receiving endpoint reassembles the field block by concatenating its fragments and then decompresses the block",
    cases: [
      {
        sent: "HEADERS and 7 CONTINUATION",
        send: [...fragments(block, 8), request(1, "a", { end: true })],
        expect: served("a"),
      },
      {
        sent: "HEADERS without a fragment, the block in CONTINUATION",
        send: [headers(1, "", { endHeaders: false }), continuation(1, block), request(1, "a", { end: true })],
        expect: served("a"),
      },
      {
        sent: "the block in HEADERS, CONTINUATION without a fragment",
        send: [headers(1, block, { endHeaders: false }), continuation(1, ""), request(1, "a", { end: true })],
        expect: served("a"),
      },
      {
        sent: "HEADERS and CONTINUATION one byte at a time",
        send: (client) => client.drip(Buffer.concat([...fragments(block, 3), request(1, "a", { end: true })])),
        expect: served("a"),
      },
    ],
  },
  {
    section: "4.3",
    sentence:
      "Field blocks MUST be transmitted as a contiguous sequence of frames, with no interleaved frames of any other type " +
      "or from any other stream",
    cases: [
      interleaved("DATA", data(1, messageOf("a"))),
      interleaved("HEADERS", headers(1, block)),
      interleaved("HEADERS of another stream", headers(3, block)),
      interleaved("PRIORITY", priority(1, { dependsOn: 0 })),
      interleaved("RST_STREAM", rstStream(1)),
      interleaved("SETTINGS", settings()),
      interleaved("PING", ping()),
      interleaved("GOAWAY", goaway(0)),
      interleaved("WINDOW_UPDATE of the connection", windowUpdate(0, 1)),
      interleaved("CONTINUATION of another stream", continuation(3, "")),
    ],
  },
  {
    section: "4.3",
    sentence: "A decoding error in a field block MUST be treated as a connection error of type COMPRESSION_ERROR",
    cases: [
      {
        sent: "in HEADERS",
        send: [headers(1, indexed(0), { end: true })],
        expect: connectionError("COMPRESSION_ERROR"),
      },
      {
        sent: "in CONTINUATION",
        send: [headers(1, block, { endHeaders: false, end: true }), continuation(1, indexed(200))],
        expect: connectionError("COMPRESSION_ERROR"),
      },
      {
        sent: "in trailers",
        send: [open(1), headers(1, indexed(200), { end: true })],
        expect: connectionError("COMPRESSION_ERROR"),
      },
    ],
  },
  {
    section: "4.3",
    sentence:
      "An endpoint … needs to reassemble field blocks and perform decompression even if the frames are to be discarded",
    cases: [
      {
        sent: "trailers of a call that was answered already add to the table",
        send: async (client) => {
          client.write(open(1), request(1, atOnce));
          await streamError("NO_ERROR")(client);
          client.write(headers(1, literal("incremental", "x-test", "-kept"), { end: true }), usesTheTable(3));
        },
        expect: served("a-kept", 3),
      },
      {
        sent: "trailers of a stream that the server has reset add to the table",
        send: async (client) => {
          client.write(headers(1, fieldBlock(headAnd("X-Upper", "is malformed"))));
          await client.next("RST_STREAM", { stream: 1 });
          client.write(headers(1, literal("incremental", "x-test", "-kept"), { end: true }), usesTheTable(3));
        },
        expect: served("a-kept", 3),
      },
      {
        sent: "the head of a malformed request adds to the table",
        send: async (client) => {
          const malformedHead = fieldBlock(headAnd("X-Upper", "is malformed"));
          client.write(headers(1, Buffer.concat([malformedHead, literal("incremental", "x-test", "-kept")])));
          await client.next("RST_STREAM", { stream: 1 });
          client.write(usesTheTable(3));
        },
        expect: served("a-kept", 3),
      },
      {
        sent: "the head of a refused stream adds to the table",
        options: { limits: { concurrentStreams: 1 } },
        send: async (client) => {
          client.write(open(1), headers(3, Buffer.concat([block, literal("incremental", "x-test", "-kept")])));
          await streamError("REFUSED_STREAM", 3)(client);
          client.write(request(1, "first", { end: true }));
          await served("first")(client);
          client.write(usesTheTable(5));
        },
        expect: served("a-kept", 5),
      },
      {
        sent: "trailers of a stream that the server has reset cannot be decoded",
        send: async (client) => {
          client.write(headers(1, fieldBlock(headAnd("X-Upper", "is malformed"))));
          await client.next("RST_STREAM", { stream: 1 });
          client.write(headers(1, indexed(200), { end: true }));
        },
        expect: connectionError("COMPRESSION_ERROR"),
      },
    ],
  },
  {
    section: "4.3.1",
    sentence:
      "Once an endpoint acknowledges a change to SETTINGS_HEADER_TABLE_SIZE that reduces the maximum below the current " +
      "size of the dynamic table, its HPACK encoder MUST start the next field block with a Dynamic Table Size Update",
    cases: [
      {
        sent: "SETTINGS_HEADER_TABLE_SIZE 0",
        send: [settings(["HEADER_TABLE_SIZE", 0]), unary(1, "a")],
        expect: async (client) => {
          const { block: answer = Buffer.of() } = await client.next("HEADERS", { stream: 1 });
          assert.deepEqual(answer.subarray(0, 1), sizeUpdate(0));
        },
      },
      {
        sent: "SETTINGS_HEADER_TABLE_SIZE 0 in the preface",
        fromPreface: true,
        send: async (client) => {
          await client.begin(["HEADER_TABLE_SIZE", 0]);
          client.write(unary(1, "a"));
        },
        expect: async (client) => {
          const { block: answer = Buffer.of() } = await client.next("HEADERS", { stream: 1 });
          assert.deepEqual(answer.subarray(0, 1), sizeUpdate(0));
        },
      },
    ],
  },
  {
    section: "4.3.1",
    sentence:
      "An endpoint MUST treat a field block that follows an acknowledgment of the reduction to the maximum dynamic table " +
      "size as a connection error of type COMPRESSION_ERROR if it does not start with a conformant … Update instruction",
    cases: [
      {
        sent: "a block without one to a server whose table has 1,000 octets",
        options: smallTable,
        send: [unary(1, "a")],
        expect: connectionError("COMPRESSION_ERROR"),
      },
      {
        sent: "a block with one to 1,001",
        options: smallTable,
        send: [headers(1, Buffer.concat([sizeUpdate(1_001), block]), { end: true })],
        expect: connectionError("COMPRESSION_ERROR"),
      },
      {
        sent: "a block with one to 1,000, and one without",
        options: smallTable,
        send: [headers(1, Buffer.concat([sizeUpdate(1_000), block])), request(1, "a", { end: true }), unary(3, "b")],
        expect: all(served("a"), served("b", 3)),
      },
      {
        sent: "a block without one, before the acknowledgment",
        options: smallTable,
        fromPreface: true,
        send: [preface, settings(), unary(1, "a")],
        expect: served("a"),
      },
    ],
  },
];

function pingAnswered(opaque: string) {
  return async (client: RawHttp2Client) => {
    assert.equal((await client.next("PING", { ack: true })).payload.toString("latin1"), opaque);
  };
}

async function settingsAcknowledged(client: RawHttp2Client): Promise<void> {
  await client.next("SETTINGS", { ack: true });
}

/** A client that has sent GOAWAY gets its answers; then the server may close. */
async function servedBeforeTheEnd(client: RawHttp2Client): Promise<void> {
  assert.equal((await client.next("HEADERS", { stream: 1 })).fields?.[0]?.[1], "200");
}

/** The frames of a call's head, cut into so many fragments. */
function fragments(whole: Buffer, count: number): Buffer[] {
  const size = Math.ceil(whole.length / count);
  return Array.from({ length: count }, (_, index) => {
    const fragment = whole.subarray(index * size, (index + 1) * size);
    return index === 0 ? headers(1, fragment, { endHeaders: false }) : continuation(1, fragment, index === count - 1);
  });
}

/** @param what its type, which is not CONTINUATION or not of stream 1 */
function interleaved(what: FrameType | string, intruder: Buffer): Case {
  return {
    sent: `${what} within a block`,
    send: [headers(1, block.subarray(0, 20), { endHeaders: false }), intruder, continuation(1, block.subarray(20))],
    expect: connectionError("PROTOCOL_ERROR"),
  };
}

/** A call whose field `x-test` is the newest entry of the dynamic table. */
function usesTheTable(stream: number): Buffer {
  const fields = Buffer.concat([block, indexed(62)]);
  return Buffer.concat([headers(stream, fields), request(stream, "a", { end: true })]);
}

/** A head of exactly so many bytes, which decodes to less than half: a backslash is coded with 19 bits. */
function longBlock(bytes: number): Buffer {
  const start = Buffer.concat([block, literal("without indexing", "x-long", "\\".repeat(6_500), { huffman: true })]);
  const rest = bytes - start.length;
  const filling = (length: number) => literal("without indexing", "x-rest", "x".repeat(length));
  return Buffer.concat([start, filling(rest - (filling(rest).length - rest))]);
}
