import assert from "node:assert/strict";
import { test } from "node:test";
import { type Field, fieldBlock } from "../../testing/raw-http2/field-block.ts";
import { FieldBlockReader } from "../../testing/raw-http2/field-block-reader.ts";
import {
  continuation,
  data,
  flags,
  frame,
  goaway,
  headers,
  ping,
  pushPromise,
  reservedBit,
  rstStream,
  settings,
  windowUpdate,
} from "../../testing/raw-http2/frames.ts";
import { type ReceivedFrame, readFrame } from "../../testing/raw-http2/received-frame.ts";
import { violationsOf } from "./server-frame-rules.ts";

const head: readonly Field[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];
const trailers: readonly Field[] = [["grpc-status", "0"]];
const response = [headers(1, fieldBlock(head)), data(1, "a"), headers(1, fieldBlock(trailers), { end: true })];

test("a server that keeps the rules hears no complaint", () => {
  const interim = headers(3, fieldBlock([[":status", "100"]]));
  const inPieces = [headers(3, fieldBlock(head), { endHeaders: false, end: true }), continuation(3, "")];
  const ends = [goaway(2 ** 31 - 1), ping(), goaway(3), windowUpdate(0, 1), rstStream(1, "NO_ERROR")];
  assert.deepEqual(violationsOf(received(settings(), ...response, interim, ...inPieces, ...ends)), []);
});

const offences: readonly [what: string, frames: readonly Buffer[], complaint: RegExp][] = [
  ["the first frame is not SETTINGS", [ping()], /§3\.4/],
  ["a reserved bit is set", [settings(), frame("PING", 0, reservedBit, "8 octets")], /§4\.1: the reserved/],
  ["a flag without a meaning is set", [settings(), frame("GOAWAY", 1, 0, Buffer.alloc(8))], /§4\.1: flags/],
  ["a frame is too large", [settings(), data(1, Buffer.alloc(16_385))], /§4\.2/],
  ["a field block is interrupted", [settings(), headers(1, fieldBlock(head), { endHeaders: false }), ping()], /§4\.3/],
  ["a stream goes on after its end", [settings(), ...response, data(1, "more")], /§5\.1: nothing follows/],
  ["a stream goes on after its reset", [settings(), rstStream(1), data(1, "more")], /§5\.4\.2/],
  ["it goes on after an error", [settings(), goaway(1, "PROTOCOL_ERROR"), ping()], /§5\.4\.1/],
  ["a type is unknown", [settings(), frame(0xfa, 0, 0)], /§5\.5/],
  ["a server pushes", [settings(), pushPromise(1, 2, "")], /§8\.4/],
  ["PING is on a stream", [settings(), frame("PING", 0, 1, "8 octets")], /§6: it belongs to the connection/],
  ["DATA is on no stream of a client's", [settings(), data(2, "a")], /§6: it belongs to a client's stream/],
  ["RST_STREAM has 3 octets", [settings(), frame("RST_STREAM", 0, 1, "abc")], /§6\.4/],
  ["SETTINGS are cut off", [settings(), frame("SETTINGS", 0, 0, "abc")], /§6\.5: a setting/],
  ["an acknowledgment is not empty", [settings(), frame("SETTINGS", flags.ACK, 0, Buffer.alloc(6))], /§6\.5: an ack/],
  ["push is enabled", [settings(["ENABLE_PUSH", 1])], /§6\.5\.2/],
  ["frames are allowed to be too small", [settings(["MAX_FRAME_SIZE", 100])], /§6\.5\.2/],
  ["a window is too large", [settings(["INITIAL_WINDOW_SIZE", 2 ** 31])], /§6\.5\.2/],
  ["PING has 4 octets", [settings(), ping("four")], /§6\.7/],
  ["GOAWAY takes back what it said", [settings(), goaway(1), goaway(3)], /§6\.8/],
  ["a window grows by 0", [settings(), windowUpdate(0, 0)], /§6\.9/],
  ["an error code is unknown", [settings(), goaway(1, 0xff)], /§7/],
  ["content comes before its head", [settings(), data(1, "a")], /§8\.1: a response begins/],
  ["trailers do not end the stream", [settings(), ...response.slice(0, 2), headers(1, "")], /§8\.1: trailers end/],
  [
    "trailers have a status",
    [settings(), ...response.slice(0, 2), headers(1, fieldBlock(head), { end: true })],
    /no pseudo/,
  ],
  ["a name is not in lowercase", [settings(), headers(1, fieldBlock([...head, ["X", "1"]]))], /§8\.2\.1.*name/],
  ["a value ends with a space", [settings(), headers(1, fieldBlock([...head, ["x", "1 "]]))], /§8\.2\.1.*value/],
  ["a field is about the connection", [settings(), headers(1, fieldBlock([...head, ["upgrade", "h2"]]))], /§8\.2\.2/],
  ["there is no status", [settings(), headers(1, fieldBlock(trailers))], /§8\.3\.2/],
  ["the status is not first", [settings(), headers(1, fieldBlock([...trailers, ...head]))], /§8\.3\.2/],
];

for (const [what, frames, complaint] of offences) {
  test(`a server hears a complaint when ${what}`, () => {
    assert.match(violationsOf(received(...frames)).join("\n"), complaint);
  });
}

/** The frames as a client reads them. */
function received(...frames: readonly Buffer[]): ReceivedFrame[] {
  const blocks = new FieldBlockReader();
  return frames.map((bytes) => {
    const { frame: read } = readFrame(bytes) as { frame: ReceivedFrame };
    if (read.type === "HEADERS" || read.type === "CONTINUATION") blocks.read(read);
    return read;
  });
}
