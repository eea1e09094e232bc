import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { seed } from "@realchat/presence-testing";
import { TimerWheel, WheelTimer } from "./timer-wheel.ts";

class TestTimer extends WheelTimer {
  override readonly run: () => void;

  constructor(run: () => void) {
    super();
    this.run = run;
  }
}

describe("the timer wheel", () => {
  function scene() {
    const clock = new FakeClock();
    const wheel = new TimerWheel(clock, 100);
    const ran: [string, number][] = [];
    const startMs = clock.monotonicMs();
    const timer = (name: string) => new TestTimer(() => ran.push([name, clock.monotonicMs() - startMs]));
    return { clock, wheel, ran, timer };
  }

  test("runs each timer once, never early and at most two ticks late, however long it waits", async () => {
    const { clock, wheel, ran, timer } = scene();
    const delays = [0, 1, 100, 101, 25_400, 25_500, 25_600, 25_700, 90_000];
    for (const delay of delays) wheel.set(timer(String(delay)), delay);
    assert.equal(wheel.size, delays.length);
    await clock.advance(120_000);
    assert.equal(wheel.size, 0);
    assert.equal(ran.length, delays.length);
    for (const [name, atMs] of ran) {
      const lateMs = atMs - Number(name);
      assert.ok(lateMs >= 0 && lateMs <= 200, `the timer of ${name} ms ran after ${atMs} ms`);
    }
  });

  test("a timer that is set again runs at the new time alone, one that is cancelled never", async () => {
    const { clock, wheel, ran, timer } = scene();
    const [again, never] = [timer("again"), timer("never")];
    wheel.set(again, 300);
    wheel.set(never, 300);
    await clock.advance(100);
    wheel.set(again, 1_000);
    wheel.cancel(never);
    await clock.advance(800);
    assert.equal(ran.length, 0);
    await clock.advance(500);
    assert.deepEqual(
      ran.map(([name]) => name),
      ["again"],
    );
  });

  test("a timer may set itself again while it runs", async () => {
    const { clock, wheel } = scene();
    let runs = 0;
    const timer = new TestTimer(() => {
      runs++;
      wheel.set(timer, 200);
    });
    wheel.set(timer, 200);
    await clock.advance(3_000);
    // The first time it was set between two ticks, from then on exactly at one.
    assert.equal(runs, 14);
  });

  test("after a freeze of the process, peers are not judged by the time it lasted", async () => {
    const { clock, wheel, ran, timer } = scene();
    wheel.set(timer("pong"), 1_000);
    clock.freeze(60_000);
    await clock.advance(100);
    assert.equal(ran.length, 0);
    await clock.advance(1_100);
    assert.equal(ran.length, 1);
  });

  test("a timer that sets itself again to a whole lap of the wheel runs a lap later, not at once", async () => {
    const { clock, wheel } = scene();
    let runs = 0;
    const timer = new TestTimer(() => {
      runs++;
      // 256 and 512 ticks.
      wheel.set(timer, runs === 1 ? 25_600 : 51_200);
    });
    wheel.set(timer, 100);
    await clock.advance(25_700);
    assert.equal(runs, 1);
    await clock.advance(200);
    assert.equal(runs, 2);
    await clock.advance(51_000);
    assert.equal(runs, 2);
    await clock.advance(200);
    assert.equal(runs, 3);
  });

  test("an out-of-range delay never ends, and breaks nothing", async () => {
    const { clock, wheel, ran, timer } = scene();
    for (const delay of [Number.POSITIVE_INFINITY, 1e300, 2 ** 53]) wheel.set(timer(String(delay)), delay);
    wheel.set(timer("soon"), 100);
    await clock.advance(60_000);
    assert.deepEqual(
      ran.map(([name]) => name),
      ["soon"],
    );
    assert.equal(wheel.size, 3);
  });

  test("whatever is set, set again and cancelled, from outside or by a timer that runs, each runs when it is due", async () => {
    const tickMs = 100;
    const clock = new FakeClock({ seed: seed() });
    const wheel = new TimerWheel(clock, tickMs);
    const pick = (below: number) => Math.floor(clock.random() * below);
    /** The model: when each timer is due, if it is set. */
    const due = new Map<WheelTimer, { readonly atMs: number; readonly lateMaxMs: number }>();
    let runs = 0;
    let isRunning = false;

    const timers = Array.from({ length: 20 }, () => {
      const timer: WheelTimer = new TestTimer(() => {
        const expected = due.get(timer);
        const nowMs = clock.monotonicMs();
        assert.ok(expected !== undefined, `a timer that is not set runs at ${nowMs} ms`);
        const lateMs = nowMs - expected.atMs;
        assert.ok(lateMs >= 0 && lateMs <= expected.lateMaxMs, `due at ${expected.atMs} ms, runs at ${nowMs} ms`);
        due.delete(timer);
        runs++;
        isRunning = true;
        if (pick(2) === 0) setOne(timer);
        if (pick(4) === 0) changeOne();
        isRunning = false;
      });
      return timer;
    });
    const setOne = (timer: WheelTimer) => {
      const laps = pick(3) * 256;
      const delayMs = Math.max(0, (laps + pick(4) - 1) * tickMs + (pick(2) === 0 ? 0 : pick(tickMs)));
      wheel.set(timer, delayMs);
      // At least one tick: none runs in the tick that it is set in.
      due.set(timer, { atMs: clock.monotonicMs() + delayMs, lateMaxMs: isRunning ? tickMs : 2 * tickMs });
    };
    const changeOne = () => {
      const timer = timers[pick(timers.length)] as WheelTimer;
      if (pick(3) > 0) setOne(timer);
      else {
        wheel.cancel(timer);
        due.delete(timer);
      }
    };
    for (let step = 0; step < 2_000; step++) {
      changeOne();
      if (pick(3) === 0) await clock.advance(pick(40) * pick(tickMs));
      assert.equal(wheel.size, due.size);
      for (const { atMs, lateMaxMs } of due.values()) assert.ok(clock.monotonicMs() <= atMs + lateMaxMs);
    }
    assert.ok(runs > 300, `only ${runs} timers ran`);
  });
});
