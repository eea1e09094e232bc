import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "./fake-clock.ts";
import { LoopTurns } from "./loop-turns.ts";

describe("what is read", () => {
  test("has not waited for long while the loop turns", async () => {
    const clock = new FakeClock();
    const turns = new LoopTurns(clock);
    for (let read = 0; read < 50; read++) {
      await clock.advance(7);
      assert.ok(turns.waitedMs <= 100, `${turns.waitedMs} ms`);
    }
  });

  test("after the process stood still may have waited since, also in the turns that follow", async () => {
    const clock = new FakeClock();
    const turns = new LoopTurns(clock);
    await clock.advance(1_000);
    clock.freeze(5_000);
    assert.ok(turns.waitedMs >= 5_000);
    await clock.advance(20);
    assert.ok(turns.waitedMs >= 5_000, "the turn that accepts connections is over, they are yet to be read");
    await clock.advance(100);
    assert.ok(turns.waitedMs <= 100);
  });

  test("in a loop that is slow all the time waits for a few turns, not for ever", async () => {
    const clock = new FakeClock();
    const turns = new LoopTurns(clock);
    for (let turn = 0; turn < 100; turn++) {
      clock.freeze(300);
      await clock.advance(0);
    }
    assert.ok(turns.waitedMs <= 4 * 300, `${turns.waitedMs} ms`);
    turns.stop();
    assert.equal(clock.pendingTimers, 0);
  });
});
