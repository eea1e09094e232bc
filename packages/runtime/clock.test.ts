import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { systemClock, WallClock } from "./clock.ts";

/** A machine whose clocks a test sets: what `Date.now()` and `performance.now()` say. */
function machine(wallMs: number) {
  const state = { wallMs, monotonicMs: 500 };
  const clock = new WallClock({ wallMs: () => Math.floor(state.wallMs), monotonicMs: () => state.monotonicMs });
  return {
    nowUs: () => clock.nowUs(),
    pass(ms: number) {
      state.wallMs += ms;
      state.monotonicMs += ms;
    },
    putTo(ms: number) {
      state.wallMs = ms;
    },
  };
}

describe("the wall clock", () => {
  test("says what the machine says, to the millisecond, also after it was put right", () => {
    const { nowUs, pass, putTo } = machine(1_790_000_000_000);
    assert.equal(Math.floor(nowUs() / 1000), 1_790_000_000_000);
    for (const wallMs of [1_790_086_400_000, 1_600_000_000_000, 1_600_000_000_001, 0]) {
      putTo(wallMs);
      assert.equal(Math.floor(nowUs() / 1000), wallMs);
      pass(10.25);
      assert.equal(Math.floor(nowUs() / 1000), Math.floor(wallMs + 10.25));
    }
  });

  test("tells microseconds apart within a millisecond, and does not step back there", () => {
    const { nowUs, pass } = machine(1_790_000_000_000);
    let lastUs = nowUs();
    for (let count = 0; count < 50; count++) {
      pass(0.1);
      assert.ok(nowUs() > lastUs, `${nowUs()} after ${lastUs}`);
      lastUs = nowUs();
    }
    assert.ok(Math.abs(lastUs - 1_790_000_000_000_000 - 5_000) <= 1_000);
  });

  test("is read when it is asked for: a process that has run for long knows that the clock was put right", (t: TestContext) => {
    const dayMs = 86_400_000;
    const rightMs = Date.now() + dayMs;
    t.mock.method(Date, "now", () => rightMs);
    assert.equal(Math.floor(systemClock.nowUs() / 1000), rightMs);
  });
});

test("a timer of more than Node's 24.8 days waits, instead of running at once", async (t: TestContext) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let runs = 0;
  const dayMs = 86_400_000;
  const cancel = systemClock.after(30 * dayMs, () => runs++);
  systemClock.after(30 * dayMs, () => runs++);
  for (let day = 0; day < 29; day++) t.mock.timers.tick(dayMs);
  assert.equal(runs, 0);
  cancel();
  for (let day = 0; day < 2; day++) t.mock.timers.tick(dayMs);
  assert.equal(runs, 1);
});
