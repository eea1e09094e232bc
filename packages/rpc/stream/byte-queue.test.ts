import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ByteQueue } from "./byte-queue.ts";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

test("bytes leave in the order in which they came, however they are cut", () => {
  const queue = new ByteQueue();
  const pieces = [1, 5_000, 3, 1_023, 1_024, 2_048, 7].map((length, index) => Buffer.alloc(length, index));
  for (const piece of pieces) queue.push(piece);
  const all = Buffer.concat(pieces);
  const out = Buffer.alloc(all.length);
  for (let at = 0; at < out.length; at += 700) queue.take(Math.min(700, out.length - at), out, at);
  assert.deepEqual([queue.bytes, out.equals(all)], [0, true]);
});

test("what was taken is let go, also while there is always something that waits", async () => {
  const queue = new ByteQueue();
  const first = pushed(queue);
  const second = pushed(queue);
  queue.take(pieceBytes, Buffer.alloc(pieceBytes), 0);
  // A WeakRef holds what it was made of until the event loop has gone on.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  assert.deepEqual([first.deref() === undefined, second.deref() === undefined], [true, false]);
  assert.equal(queue.bytes, pieceBytes);
});

const pieceBytes = 5_000;

function pushed(queue: ByteQueue): WeakRef<Uint8Array> {
  const piece = new Uint8Array(pieceBytes);
  queue.push(piece);
  return new WeakRef(piece);
}
