import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventLoop } from "./event-loop.ts";
import { Machine } from "./machine.ts";
import { Random } from "./random.ts";

describe("virtual time", () => {
  test("timers run in the order of their times, those of one moment as they were set, and cancelled ones never", async () => {
    const loop = new EventLoop();
    const ran: string[] = [];
    const note = (name: string) => () => ran.push(`${name} at ${loop.nowMs}`);
    loop.after(20, note("late"));
    loop.after(10, note("first"));
    loop.after(10, note("second"));
    const cancelled = loop.after(15, note("cancelled"));
    const again = loop.every(8, note("again"));
    loop.after(17, () => again.cancel());
    cancelled.cancel();
    await loop.run(40);
    assert.deepEqual(ran, ["again at 8", "first at 10", "second at 10", "again at 16", "late at 20"]);
    assert.equal(loop.nowMs, 40);
  });

  test("time stands still until every promise that can settle has settled, however long the chain", async () => {
    const loop = new EventLoop();
    let settled = 0;
    loop.after(1, async () => {
      for (let step = 0; step < 1_000; step++) await null;
      settled = loop.nowMs;
    });
    loop.after(2, () => assert.equal(settled, 1));
    await loop.run(3);
  });

  test("some time passes until a timer of a machine, also of the little that a rounded sum leaves", async () => {
    const loop = new EventLoop();
    const machine = new Machine({ name: "one", loop, random: new Random(1), drift: 1e-4 });
    const readings: number[] = [];
    const note = () => readings.push(machine.monotonicMs());
    loop.after(756_514.144, () => {
      note();
      machine.after(1e-11, note);
    });
    await loop.run(800_000);
    const [before = 0, then = 0] = readings;
    assert.ok(then > before, `${before}, ${then}`);
  });

  test("what a timer throws ends the run", async () => {
    const loop = new EventLoop();
    loop.after(1, () => {
      throw new Error("broken");
    });
    await assert.rejects(loop.run(2), /broken/);
  });
});
