import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { TimerWheel, WheelTimer } from "./timer-wheel.ts";

describe("the timer wheel", () => {
  function scene() {
    const clock = new FakeClock();
    const wheel = new TimerWheel(clock, 100);
    const ran: [string, number][] = [];
    const startMs = clock.monotonicMs();
    const timer = (name: string) => new WheelTimer(() => ran.push([name, clock.monotonicMs() - startMs]));
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
    const timer = new WheelTimer(() => {
      runs++;
      wheel.set(timer, 200);
    });
    wheel.set(timer, 200);
    await clock.advance(3_000);
    // The first time it was set between two ticks, from then on exactly at one.
    assert.equal(runs, 14);
  });

  test("a frozen process judges nobody by the time it slept", async () => {
    const { clock, wheel, ran, timer } = scene();
    wheel.set(timer("pong"), 1_000);
    clock.freeze(60_000);
    await clock.advance(100);
    assert.equal(ran.length, 0);
    await clock.advance(1_100);
    assert.equal(ran.length, 1);
  });
});
