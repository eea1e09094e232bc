import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "../limits.ts";
import { FrameBudget } from "./frame-budget.ts";
import { PastStreams } from "./past-streams.ts";
import { PingPolicy } from "./ping-policy.ts";

/** How many times in a row it is allowed. */
function timesAllowed(allows: () => boolean, atMost = 10_000): number {
  let times = 0;
  while (times < atMost && allows()) times += 1;
  return times;
}

test("frames that cost a peer nothing are counted against its streams and what it was sent", () => {
  const limits = { ...defaultLimits, priorityFramesPerStream: 10, windowUpdatesPerDataFrame: 3, emptyDataMax: 4 };
  const budget = new FrameBudget(limits);
  assert.equal(
    timesAllowed(() => budget.takesIdleFrame()),
    10,
  );
  assert.equal(
    timesAllowed(() => budget.takesWindowUpdate()),
    5,
  );
  for (let count = 0; count < 2; count++) budget.streamOpened();
  for (let count = 0; count < 4; count++) budget.sentData();
  assert.equal(
    timesAllowed(() => budget.takesIdleFrame()),
    10 * 3 - 11,
  );
  assert.equal(
    timesAllowed(() => budget.takesWindowUpdate()),
    5 + 2 * (2 + 3 * 4) - 6,
  );
  assert.equal(
    timesAllowed(() => budget.takesData(false)),
    4,
  );
  assert.equal(budget.takesData(true), true);
  assert.equal(
    timesAllowed(() => budget.takesData(false)),
    4,
  );
});

test("PINGs may come every five minutes, every ten seconds of a peer with calls; what it is sent forgives", () => {
  const pings = new PingPolicy(defaultLimits);
  const minute = 60_000;
  for (let count = 0; count < 5; count++) assert.equal(pings.takes(count * 5 * minute, false), true);
  for (let count = 1; count < 5; count++) assert.equal(pings.takes(20 * minute + count * 10_000, true), true);
  assert.deepEqual(
    [1, 2, 3].map((ms) => pings.takes(30 * minute + ms, false)),
    [true, true, true],
  );
  assert.equal(pings.takes(30 * minute + 4, true), false);
  pings.sentToPeer();
  assert.equal(pings.takes(30 * minute + 5, true), true);
});

test("streams that are closed are told apart: reset by us, skipped, and closed", () => {
  const past = new PastStreams();
  assert.equal(past.last, 0);
  past.opened(1);
  past.opened(9);
  assert.deepEqual(
    [3, 5, 7, 1, 9].map((id) => past.wasSkipped(id)),
    [true, true, true, false, false],
  );
  past.resetByUs(1);
  assert.deepEqual([past.wasResetByUs(1), past.wasResetByUs(9), past.last], [true, false, 9]);
});

test("what is remembered of past streams is bounded", () => {
  const past = new PastStreams();
  past.opened(1_000_001);
  assert.equal(past.wasSkipped(999_999), true);
  assert.equal(past.wasSkipped(3), false);
  for (let id = 1; id <= 4_001; id += 2) past.resetByUs(id);
  assert.equal(past.wasResetByUs(1), false);
  assert.equal(past.wasResetByUs(4_001), true);
});
