import assert from "node:assert/strict";
import { test } from "node:test";
import { readShardClock, type ShardClock, tickCapMs, tickShardClock } from "./shard-clock.ts";

const capMs = 1_000;
const clock: ShardClock = { clockMs: 70_000, tickedAtMs: 1_790_000_000_000 };

test("between ticks the clock runs with the wall clock", () => {
  assert.equal(readShardClock(clock, clock.tickedAtMs, capMs), 70_000);
  assert.equal(readShardClock(clock, clock.tickedAtMs + 250, capMs), 70_250);
});

test("time that nobody listened to does not count (P6)", () => {
  assert.equal(readShardClock(clock, clock.tickedAtMs + 3_600_000, capMs), 71_000);
  const after = tickShardClock(clock, clock.tickedAtMs + 3_600_000, capMs);
  assert.deepEqual(after, { clockMs: 71_000, tickedAtMs: clock.tickedAtMs + 3_600_000 });
});

test("a wall clock that steps back stops the clock, it does not turn it back (P6)", () => {
  assert.equal(readShardClock(clock, clock.tickedAtMs - 5_000, capMs), 70_000);
  const after = tickShardClock(clock, clock.tickedAtMs - 5_000, capMs);
  assert.deepEqual(after, { clockMs: 70_000, tickedAtMs: clock.tickedAtMs - 5_000 });
  assert.equal(readShardClock(after, clock.tickedAtMs - 4_900, capMs), 70_100);
});

test("a tick counts a second at most, a quarter of a short TTL", () => {
  assert.equal(tickCapMs(60_000), 1_000);
  assert.equal(tickCapMs(1_000), 250);
  assert.equal(tickCapMs(1_001), 250);
});
