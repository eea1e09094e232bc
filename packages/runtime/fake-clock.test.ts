import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pause } from "./clock.ts";
import { FakeClock } from "./fake-clock.ts";

describe("fake clock", () => {
  test("stands still until it is moved, then both its times move alike", async () => {
    const clock = new FakeClock({ wallUs: 5_000_000 });
    const startMs = clock.monotonicMs();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(clock.monotonicMs(), startMs);
    await clock.advance(1.5);
    assert.equal(clock.monotonicMs(), startMs + 1.5);
    assert.equal(clock.nowUs(), 5_001_500);
  });

  test("runs timers in the order they fall due, each at its own time, equal ones as they were set", async () => {
    const clock = new FakeClock();
    const startMs = clock.monotonicMs();
    const ran: string[] = [];
    const note = (name: string) => () => ran.push(`${name}@${clock.monotonicMs() - startMs}`);
    clock.after(30, note("late"));
    clock.after(10, note("first"));
    clock.after(10, note("second"));
    clock.after(31, note("too late"));
    await clock.advance(30);
    assert.deepEqual(ran, ["first@10", "second@10", "late@30"]);
  });

  test("runs what a timer sets in turn, within the same advance", async () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    clock.after(10, () => clock.after(10, () => ran.push("inner")));
    await clock.advance(20);
    assert.deepEqual(ran, ["inner"]);
  });

  test("repeats a periodic timer until it is cancelled", async () => {
    const clock = new FakeClock();
    let ticks = 0;
    const cancel = clock.every(10, () => ticks++);
    await clock.advance(35);
    assert.equal(ticks, 3);
    cancel();
    cancel();
    await clock.advance(100);
    assert.equal(ticks, 3);
  });

  test("a timer can cancel another that is due at the same moment, and itself", async () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    const cancelPeriodic = clock.every(10, () => {
      ran.push("periodic");
      cancelPeriodic();
      cancelOther();
    });
    const cancelOther = clock.after(10, () => ran.push("other"));
    await clock.advance(50);
    assert.deepEqual(ran, ["periodic"]);
  });

  test("a freeze runs nothing; afterwards what was missed runs once", async () => {
    const clock = new FakeClock();
    let ticks = 0;
    clock.every(10, () => ticks++);
    clock.freeze(1_000);
    assert.equal(ticks, 0);
    await clock.advance(0);
    assert.equal(ticks, 1);
    await clock.advance(10);
    assert.equal(ticks, 2);
  });

  test("stepping the wall clock leaves monotonic time alone", () => {
    const clock = new FakeClock({ wallUs: 10_000_000 });
    const startMs = clock.monotonicMs();
    clock.stepWall(-3_000);
    assert.equal(clock.nowUs(), 7_000_000);
    assert.equal(clock.monotonicMs(), startMs);
  });

  test("the same seed gives the same chances, in [0, 1)", () => {
    const draw = (seed: number) => {
      const clock = new FakeClock({ seed });
      return Array.from({ length: 1_000 }, () => clock.random());
    };
    assert.deepEqual(draw(41), draw(41));
    assert.notDeepEqual(draw(41), draw(42));
    assert.ok(draw(41).every((chance) => chance >= 0 && chance < 1));
  });
});

describe("pause", () => {
  test("ends when its time has come", async () => {
    const clock = new FakeClock();
    const ended: number[] = [];
    const startMs = clock.monotonicMs();
    const paused = pause(clock, 50).then(() => ended.push(clock.monotonicMs() - startMs));
    await clock.advance(49);
    assert.deepEqual(ended, []);
    await clock.advance(1);
    await paused;
    assert.deepEqual(ended, [50]);
  });

  test("ends at once when the signal aborts, before or during it", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const during = pause(clock, 50, stop.signal);
    stop.abort();
    await during;
    await pause(clock, 50, stop.signal);
    assert.equal(clock.monotonicMs(), new FakeClock().monotonicMs());
  });
});
