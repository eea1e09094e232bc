import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { ConnectionError, framePayloadMaxBytes } from "./frame.ts";
import { clientPreface, FrameReader } from "./frame-reader.ts";
import { writeFrameHead } from "./frame-writer.ts";

type Frame = { type: number; flags: number; id: number; payload: string };

const frame = fc.record(
  {
    type: fc.nat(255),
    flags: fc.nat(255),
    id: fc.nat(2 ** 31 - 1),
    payload: fc.oneof(fc.string({ maxLength: 40 }), fc.constant("x".repeat(framePayloadMaxBytes))),
  },
  { noNullPrototype: true },
);

test("frames come out as they went in, however the bytes are cut", () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), cuts, (frames, lengths) => {
      const bytes = Buffer.concat([clientPreface, ...frames.map(bytesOf)]);
      assert.deepEqual(framesIn(cut(bytes, lengths)), frames);
    }),
    { seed: seed(), numRuns: 200 },
  );
});

test("a frame that is too long is refused before its payload is there", () => {
  const head = Buffer.alloc(9);
  writeFrameHead(head, 0, framePayloadMaxBytes + 1, 0, 0, 1);
  for (const chunks of [[head], [head.subarray(0, 4), head.subarray(4)]]) {
    assert.throws(() => framesIn([clientPreface, ...chunks]), isError("FRAME_SIZE_ERROR"));
  }
});

test("a peer that does not begin as HTTP/2 does is refused at the first byte that differs", () => {
  assert.throws(() => framesIn([Buffer.from("GET / HTTP/1.1\r\n")]), isError("PROTOCOL_ERROR"));
  assert.throws(() => framesIn([clientPreface.subarray(0, 20), Buffer.from("!")]), isError("PROTOCOL_ERROR"));
});

test("it knows whether it waits for the rest of a frame", () => {
  const reader = new FrameReader({ frame: () => undefined });
  assert.equal(reader.awaitsPreface, true);
  reader.push(Buffer.from(clientPreface));
  assert.deepEqual([reader.awaitsPreface, reader.isWithinFrame], [false, false]);
  const bytes = bytesOf({ type: 0, flags: 0, id: 1, payload: "abc" });
  reader.push(bytes.subarray(0, 11));
  assert.deepEqual([reader.isWithinFrame, reader.framesRead], [true, 0]);
  reader.push(bytes.subarray(11));
  assert.deepEqual([reader.isWithinFrame, reader.framesRead], [false, 1]);
});

test("the reserved bit of a stream's id is ignored (RFC 9113 §4.1)", () => {
  const bytes = bytesOf({ type: 0, flags: 0, id: 5, payload: "" });
  bytes[5] = 0x80;
  assert.equal(framesIn([clientPreface, bytes])[0]?.id, 5);
});

function framesIn(chunks: readonly Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader({
    frame: (type, flags, id, bytes, start, end) =>
      frames.push({ type, flags, id, payload: bytes.toString("utf8", start, end) }),
  });
  for (const chunk of chunks) reader.push(Buffer.from(chunk));
  return frames;
}

function bytesOf({ type, flags, id, payload }: Frame): Buffer {
  const content = Buffer.from(payload);
  const head = Buffer.alloc(9);
  writeFrameHead(head, 0, content.length, type, flags, id);
  return Buffer.concat([head, content]);
}

/** Into pieces of these lengths in turn. */
function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const end = at + (lengths[turn % lengths.length] as number) * (turn % 3 === 0 ? 400 : 1);
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

function isError(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ConnectionError && error.code === code;
}
