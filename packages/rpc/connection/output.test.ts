import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Writable } from "node:stream";
import { test } from "node:test";
import { BufferPool } from "./buffer-pool.ts";
import { Output } from "./output.ts";

class CountingPool extends BufferPool {
  /** Buffers that are in use. */
  out = 0;

  override take(): Buffer {
    this.out += 1;
    return super.take();
  }

  override give(buffer: Buffer): void {
    this.out -= 1;
    super.give(buffer);
  }
}

test("a socket that is behind keeps as many bytes as it was given, not a buffer for each few of them", async () => {
  const stuck = new Writable({ write: () => undefined });
  const pool = new CountingPool();
  let written = 0;
  const output = new Output(stuck as unknown as Socket, pool, false, (bytes) => {
    written += bytes;
  });
  for (let turn = 0; turn < 100; turn++) {
    const at = output.take(17);
    output.buffer.fill(turn, at, at + 17);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(output.waitingBytes, 1_700);
  assert.equal(written, 1_700);
  assert.equal(pool.out, 1, "the first one was not taken, and the others were copied");
});

test("what comes while a socket is full leaves together", async () => {
  const stuck = new Writable({ highWaterMark: 100, write: () => undefined });
  const writes: number[] = [];
  const output = new Output(stuck as unknown as Socket, new BufferPool(), false, (bytes) => writes.push(bytes));
  for (let turn = 0; turn < 20; turn++) {
    output.take(60);
    await new Promise((resolve) => setImmediate(resolve));
  }
  output.flush();
  assert.deepEqual(writes, [60, 60, 18 * 60]);
});

test("an acknowledgement waits in a little buffer for the answer that takes it along", async () => {
  const writes: string[] = [];
  const socket = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      writes.push(chunk.toString("latin1"));
      done();
    },
  });
  const pool = new CountingPool();
  const output = new Output(socket as unknown as Socket, pool, false, () => undefined);
  const write = (text: string, canWait: boolean) => {
    const at = output.take(text.length, canWait);
    output.buffer.write(text, at, "latin1");
  };
  write("ack ", true);
  write("ack ", true);
  assert.equal(pool.out, 0);
  const answer = "answer".repeat(20);
  write(answer, false);
  assert.equal(pool.out, 1);
  await new Promise((resolve) => process.nextTick(resolve));
  write("late ack", true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(writes, [`ack ack ${answer}`, "late ack"]);
});
