import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { spreadOut } from "./spread-out.ts";

/** @returns when each of so many was done, ms after the start */
async function timesOf(count: number, overMs: number, clock = new FakeClock()): Promise<number[]> {
  const startMs = clock.monotonicMs();
  const times: number[] = [];
  const items = Array.from({ length: count }, (_, index) => index);
  const done = spreadOut(items, { overMs, stepMs: 50, clock }, (item) => {
    assert.equal(item, times.length);
    times.push(clock.monotonicMs() - startMs);
  });
  // A late look may come after the time.
  await clock.advance(2 * overMs);
  await done;
  return times;
}

test("items run evenly, each once and in order, within the time", async () => {
  for (const count of [80, 81, 799, 1_001]) {
    const times = await timesOf(count, 4_000);
    assert.equal(times.length, count);
    assert.ok((times.at(-1) ?? 0) < 4_000, `the last of ${count} after ${times.at(-1)} ms`);
    const most = Math.ceil(count / 80);
    for (let from = 0; from < 4_000; from += 50) {
      const inStep = times.filter((time) => time >= from && time < from + 50).length;
      assert.ok(inStep <= most, `${inStep} of ${count} at once`);
    }
  }
});

test("few items run one per step, and the rest of the time is not waited for", async () => {
  assert.deepEqual(await timesOf(3, 4_000), [0, 50, 100]);
  assert.deepEqual(await timesOf(0, 4_000), []);
  assert.deepEqual(await timesOf(3, 0), [0, 0, 0]);
});

test("with late timers more items run at once, and the time is kept", async () => {
  const clock = new FakeClock();
  const after = clock.after.bind(clock);
  clock.after = (delayMs, run) => after(3 * delayMs, run);
  const times = await timesOf(1_000, 4_000, clock);
  assert.equal(times.length, 1_000);
  assert.ok((times.at(-1) ?? 0) <= 4_000 + 100, `the last after ${times.at(-1)} ms`);
});
