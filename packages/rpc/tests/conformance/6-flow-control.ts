import assert from "node:assert/strict";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import {
  data,
  frame,
  preface,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from "../../testing/raw-http2/frames.ts";
import type { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { all, connectionError, dataBytes, ignored, served, streamError, streamOrConnectionError } from "./reactions.ts";
import type { Requirement } from "./requirement.ts";
import { download, messageOf, open, request, unary, wait } from "./texts.ts";

const windowMax = 2 ** 31 - 1;
const initialWindow = 65_535;
/** A request of 9,000 letters. */
const piece = messageOf("x".repeat(9_000));
/** Sent in frames of one octet with Pad Length and 255 of padding, it takes more than twice the windows. */
const smallText = "x".repeat(600);
const paddedOctet = 257;

const windowUpdateFrames: readonly Requirement[] = [
  {
    section: "6.9",
    sentence:
      "A receiver MUST treat the receipt of a WINDOW_UPDATE frame with a flow-control window increment of 0 as a stream " +
      "error of type PROTOCOL_ERROR; errors on the connection flow-control window MUST be treated as a connection error",
    cases: [
      {
        sent: "on an open stream",
        send: [open(1), windowUpdate(1, 0)],
        expect: streamOrConnectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "on a half-closed stream",
        send: [unary(1, wait), windowUpdate(1, 0)],
        expect: streamOrConnectionError("PROTOCOL_ERROR"),
      },
      { sent: "on the connection", send: [windowUpdate(0, 0)], expect: connectionError("PROTOCOL_ERROR") },
      { sent: "0 with the reserved bit", send: [windowUpdate(0, 2 ** 31)], expect: connectionError("PROTOCOL_ERROR") },
    ],
  },
  {
    section: "6.9",
    sentence:
      "A WINDOW_UPDATE frame with a length other than 4 octets MUST be treated as a connection error of type FRAME_SIZE_ERROR",
    cases: [
      { sent: "3 octets", send: [frame("WINDOW_UPDATE", 0, 0, "abc")], expect: connectionError("FRAME_SIZE_ERROR") },
      { sent: "5 octets", send: [frame("WINDOW_UPDATE", 0, 0, "abcde")], expect: connectionError("FRAME_SIZE_ERROR") },
      {
        sent: "3 octets on a stream",
        send: [open(1), frame("WINDOW_UPDATE", 0, 1, "abc")],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
    ],
  },
  {
    section: "6.9",
    sentence:
      'a receiver could receive a WINDOW_UPDATE frame on a stream in a "half-closed (remote)" or "closed" state. A receiver ' +
      "MUST NOT treat this as an error",
    cases: [
      { sent: "half-closed", send: [unary(1, wait), windowUpdate(1, 1_000)], expect: ignored },
      {
        sent: "closed",
        send: async (client) => {
          client.write(unary(1, "a"));
          await served("a")(client);
          client.write(windowUpdate(1, 1_000));
        },
        expect: ignored,
      },
    ],
  },
];

const sending: readonly Requirement[] = [
  {
    section: "6.9.1",
    sentence:
      "The sender MUST NOT send a flow-controlled frame with a length that exceeds the space available in either of the " +
      "flow-control windows advertised by the receiver",
    cases: [
      {
        sent: "a call on a stream whose window is 1, then 1 more",
        send: [settings(["INITIAL_WINDOW_SIZE", 1]), unary(1, "a")],
        expect: async (client) => {
          await untilData(client, 1, 1);
          client.write(windowUpdate(1, 1));
          await untilData(client, 1, 2);
        },
      },
      {
        sent: "a call whose answer is more than the connection's window, then 10 more",
        send: [settings(["INITIAL_WINDOW_SIZE", 1_000_000]), download(1, 100_000)],
        expect: async (client) => {
          await untilData(client, 1, initialWindow);
          client.write(windowUpdate(0, 10));
          await untilData(client, 1, initialWindow + 10);
          client.write(windowUpdate(0, 100_000));
          await untilEnd(client, 1);
          assert.equal(dataBytes(client, 1), messageOf("x".repeat(100_000)).length);
        },
      },
      {
        sent: "two calls that share the connection's window",
        send: [download(1, 40_000), download(3, 40_000)],
        expect: async (client) => {
          while (dataBytes(client, 1) + dataBytes(client, 3) < initialWindow) await client.next("DATA");
          await client.roundTrip();
          assert.equal(dataBytes(client, 1) + dataBytes(client, 3), initialWindow);
          client.write(windowUpdate(0, 40_000));
          await untilBothEnd(client);
        },
      },
      {
        sent: "a call on a stream whose window is 0",
        send: [settings(["INITIAL_WINDOW_SIZE", 0]), unary(1, "a")],
        expect: async (client) => {
          await client.roundTrip();
          assert.equal(dataBytes(client, 1), 0);
          client.write(windowUpdate(1, 100));
          await served("a")(client);
        },
      },
      {
        sent: "a call whose answer is more than a frame, to a client that takes large frames",
        send: [settings(["MAX_FRAME_SIZE", 16_384], ["INITIAL_WINDOW_SIZE", 60_000]), download(1, 50_000)],
        expect: served("x".repeat(50_000)),
      },
    ],
  },
  {
    section: "6.9.1",
    sentence:
      "Two flow-control windows are applicable: the stream flow-control window and the connection flow-control window",
    cases: [
      {
        sent: "two calls on streams with window 0, of which the second gets room",
        send: [settings(["INITIAL_WINDOW_SIZE", 0]), unary(1, "a"), unary(3, "b"), windowUpdate(3, 100)],
        expect: all(served("b", 3), async (client) => assert.equal(dataBytes(client, 1), 0)),
      },
      {
        sent: "a call that is held up by its stream alone, and one behind it",
        send: async (client) => {
          client.write(settings(["INITIAL_WINDOW_SIZE", 10]), download(1, 1_000));
          await untilData(client, 1, 10);
          client.write(unary(3, "b"));
        },
        expect: served("b", 3),
      },
      {
        sent: "a call that is reset while the connection's window holds it up, and one behind it",
        send: async (client) => {
          client.write(download(1, 100_000));
          await untilData(client, 1, initialWindow);
          client.write(rstStream(1), windowUpdate(0, 100), unary(3, "b"));
        },
        expect: served("b", 3),
      },
    ],
  },
  {
    section: "6.9",
    sentence:
      "Flow control only applies to frames that are identified as being subject to flow control. … this includes only DATA frames",
    cases: [
      {
        sent: "a call of an unknown method, whose answer has no content, on a stream with window 0",
        send: [
          settings(["INITIAL_WINDOW_SIZE", 0]),
          unary(1, "", [
            [":method", "POST"],
            [":scheme", "http"],
            [":path", "/no.such.Service/Method"],
            ["content-type", "application/grpc"],
            ["te", "trailers"],
          ]),
        ],
        expect: async (client) => {
          assert.equal((await readAnswer(client, 1)).fields.get("grpc-status"), "12");
        },
      },
    ],
  },
  {
    section: "6.9.1",
    sentence:
      "If a sender receives a WINDOW_UPDATE that causes a flow-control window to exceed this maximum [2^31-1], it MUST " +
      "terminate either the stream or the connection",
    cases: [
      {
        sent: "on the connection, in one",
        send: [windowUpdate(0, windowMax)],
        expect: connectionError("FLOW_CONTROL_ERROR"),
      },
      {
        sent: "on the connection, in two",
        send: [windowUpdate(0, windowMax - initialWindow), windowUpdate(0, 1)],
        expect: connectionError("FLOW_CONTROL_ERROR"),
      },
      { sent: "on a stream", send: [open(1), windowUpdate(1, windowMax)], expect: streamError("FLOW_CONTROL_ERROR") },
      {
        sent: "on a half-closed stream, in two",
        send: [unary(1, wait), windowUpdate(1, windowMax - initialWindow), windowUpdate(1, 1)],
        expect: streamError("FLOW_CONTROL_ERROR"),
      },
      { sent: "the maximum, on the connection", send: [windowUpdate(0, windowMax - initialWindow)], expect: ignored },
      {
        sent: "the maximum, on a stream",
        send: [open(1), windowUpdate(1, windowMax - initialWindow), request(1, "a", { end: true })],
        expect: served("a"),
      },
    ],
  },
  {
    section: "6.9.2",
    sentence:
      "When the value of SETTINGS_INITIAL_WINDOW_SIZE changes, a receiver MUST adjust the size of all stream flow-control " +
      "windows that it maintains by the difference between the new value and the old value",
    cases: [
      {
        sent: "0, two calls, then 5",
        send: async (client) => {
          client.write(settings(["INITIAL_WINDOW_SIZE", 0]), unary(1, "abc"), unary(3, "abc"));
          await client.roundTrip();
          client.write(settings(["INITIAL_WINDOW_SIZE", 5]));
        },
        expect: all(
          (client) => untilData(client, 1, 5),
          (client) => untilData(client, 3, 5),
        ),
      },
    ],
  },
  {
    section: "6.9.2",
    sentence:
      "A sender MUST track the negative flow-control window and MUST NOT send new flow-controlled frames until it receives " +
      "WINDOW_UPDATE frames that cause the flow-control window to become positive",
    cases: [
      {
        sent: "3, of which 3 are used, then 2",
        send: async (client) => {
          client.write(settings(["INITIAL_WINDOW_SIZE", 3]), unary(1, "abc"));
          await untilData(client, 1, 3);
          client.write(settings(["INITIAL_WINDOW_SIZE", 2]), windowUpdate(1, 1));
        },
        expect: async (client) => {
          await untilData(client, 1, 3);
          client.write(windowUpdate(1, 1));
          await untilData(client, 1, 4);
        },
      },
    ],
  },
  {
    section: "6.9.2",
    sentence: "A SETTINGS frame cannot alter the connection flow-control window",
    cases: [
      {
        sent: "2^31-1 in the preface",
        fromPreface: true,
        send: [preface, settings(["INITIAL_WINDOW_SIZE", windowMax]), settingsAck(), download(1, 100_000)],
        expect: (client) => untilData(client, 1, initialWindow),
      },
      {
        sent: "a smaller one, during a call",
        send: async (client) => {
          client.write(settings(["INITIAL_WINDOW_SIZE", 0]), download(1, 50_000), windowUpdate(1, 60_000));
        },
        expect: served("x".repeat(50_000)),
      },
    ],
  },
  {
    section: "6.9.2",
    sentence:
      "An endpoint MUST treat a change to SETTINGS_INITIAL_WINDOW_SIZE that causes any flow-control window to exceed the " +
      "maximum size as a connection error of type FLOW_CONTROL_ERROR",
    cases: [
      {
        sent: "a stream's window at the maximum, then 1 more for all",
        send: [
          open(1),
          windowUpdate(1, windowMax - initialWindow),
          settings(["INITIAL_WINDOW_SIZE", initialWindow + 1]),
        ],
        expect: connectionError("FLOW_CONTROL_ERROR"),
      },
    ],
  },
];

const receiving: readonly Requirement[] = [
  {
    section: "6.9.1",
    sentence:
      "The receiver of a frame sends a WINDOW_UPDATE frame as it consumes data and frees up space in flow-control windows",
    cases: [
      {
        sent: "requests of more bytes than both windows have at first",
        options: { limits: { streamWindowBytes: initialWindow, connectionWindowBytes: initialWindow } },
        send: async (client) => {
          client.write(open(1), windowUpdate(0, 200_000), windowUpdate(1, 200_000));
          for (let sent = 0; sent < 20; sent++) {
            await roomFor(client, 1, (sent + 1) * piece.length);
            client.write(data(1, piece, { end: sent === 19 }));
          }
        },
        expect: served("x".repeat(20 * 9_000)),
      },
    ],
  },
  {
    section: "6.1",
    sentence:
      "The entire DATA frame payload is included in flow control, including the Pad Length and Padding fields if present",
    cases: [
      {
        sent: "padding of more bytes than both windows have at first",
        options: { limits: { streamWindowBytes: initialWindow, connectionWindowBytes: initialWindow } },
        send: async (client) => {
          client.write(open(1));
          for (const [index, octet] of messageOf(smallText).entries()) {
            await roomFor(client, 1, (index + 1) * paddedOctet);
            client.write(data(1, Buffer.of(octet), { padding: 255 }));
          }
          client.write(data(1, "", { end: true }));
        },
        expect: served(smallText),
      },
    ],
  },
  {
    section: "6.9.3",
    sentence:
      "After sending a SETTINGS frame that reduces the initial flow-control window size … the receiver MUST be prepared to " +
      "receive data that exceeds this window size",
    cases: [
      {
        sent: "a request as large as the usual window, before the server's smaller one is known",
        fromPreface: true,
        options: { limits: { streamWindowBytes: 10_000 } },
        send: [
          preface,
          settings(),
          open(1),
          ...new Array<Buffer>(6).fill(data(1, piece)),
          data(1, piece, { end: true }),
        ],
        expect: served("x".repeat(7 * 9_000)),
      },
    ],
  },
  {
    section: "6.9.1",
    sentence:
      "its size is a measure of the buffering capacity of the receiver (more than that: FLOW_CONTROL_ERROR, §7)",
    cases: [
      {
        sent: "DATA of one byte more than the stream's window",
        options: { limits: { streamWindowBytes: 10_000 } },
        send: async (client) => {
          assert.equal(client.serverSetting("INITIAL_WINDOW_SIZE"), 10_000);
          client.write(open(1), data(1, Buffer.alloc(10_001)));
        },
        expect: streamOrConnectionError("FLOW_CONTROL_ERROR"),
      },
      {
        sent: "DATA that fills the stream's window to the last byte",
        options: { limits: { streamWindowBytes: 10_000 } },
        send: [open(1), data(1, messageOf("x".repeat(10_000 - 8)), { end: true })],
        expect: served("x".repeat(10_000 - 8)),
      },
      {
        sent: "DATA of one byte more than the connection's window, on streams that nobody reads",
        options: { limits: { connectionWindowBytes: initialWindow } },
        send: async (client) => {
          for (const stream of [1, 3, 5, 7]) client.write(open(stream), request(stream, wait));
          await client.roundTrip();
          const granted = windowGranted(client, 0);
          const used = 4 * messageOf(wait).length;
          let rest = initialWindow + granted - used + 1;
          for (const stream of [1, 3, 5, 7]) {
            const bytes = Math.min(rest, 16_384);
            client.write(data(stream, Buffer.alloc(bytes)));
            rest -= bytes;
          }
        },
        expect: connectionError("FLOW_CONTROL_ERROR"),
      },
    ],
  },
];

/** RFC 9113 §5.2 and §6.9. */
export const flowControl: readonly Requirement[] = [...windowUpdateFrames, ...sending, ...receiving];

/** Waits until so many DATA bytes came on a stream, and proves that no more come by themselves. */
async function untilData(client: RawHttp2Client, stream: number, bytes: number): Promise<void> {
  while (dataBytes(client, stream) < bytes) await client.next("DATA", { stream });
  await client.roundTrip();
  assert.equal(dataBytes(client, stream), bytes);
}

/** Waits for the trailers. */
async function untilEnd(client: RawHttp2Client, stream: number): Promise<void> {
  while (!(await client.next("HEADERS", { stream })).fields?.some(([name]) => name === "grpc-status"));
}

async function untilBothEnd(client: RawHttp2Client): Promise<void> {
  const ended = new Set<number>();
  while (ended.size < 2) {
    const { stream, fields } = await client.next("HEADERS");
    if (fields?.some(([name]) => name === "grpc-status")) ended.add(stream);
  }
}

/** Octets that the server has allowed by WINDOW_UPDATE. */
function windowGranted(client: RawHttp2Client, stream: number): number {
  return client.received
    .filter((frame) => frame.type === "WINDOW_UPDATE" && frame.stream === stream)
    .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
}

/** Waits until the server's windows have room for so many DATA octets since the beginning. */
async function roomFor(client: RawHttp2Client, stream: number, octets: number): Promise<void> {
  const streamWindow = client.serverSetting("INITIAL_WINDOW_SIZE") ?? initialWindow;
  while (initialWindow + windowGranted(client, 0) < octets || streamWindow + windowGranted(client, stream) < octets) {
    await client.next("WINDOW_UPDATE");
  }
}
