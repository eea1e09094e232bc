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

test("what was taken is let go, also while there is always something that waits", () => {
  const queue = new ByteQueue();
  const pieceBytes = 1024 * 1024;
  const out = Buffer.alloc(pieceBytes);
  collect();
  const before = process.memoryUsage().arrayBuffers;
  queue.push(Buffer.alloc(pieceBytes));
  for (let round = 0; round < 40; round++) {
    queue.push(Buffer.alloc(pieceBytes));
    queue.take(pieceBytes, out, 0);
  }
  collect();
  const keptBytes = process.memoryUsage().arrayBuffers - before;
  assert.equal(queue.bytes, pieceBytes);
  assert.ok(keptBytes < 3 * pieceBytes, `${keptBytes} bytes`);
});
