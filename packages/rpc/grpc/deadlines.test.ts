import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { Deadlines, nowhere, type Timed } from "./deadlines.ts";

function scene() {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const passed: string[] = [];
  const after = (name: string, delayMs: number, whenPassed = () => {}): Timed => {
    const timed: Timed = {
      ...{ deadlineMs: clock.monotonicMs() + delayMs, slot: nowhere, previous: undefined, next: undefined },
      deadlinePassed() {
        passed.push(name);
        whenPassed();
      },
    };
    deadlines.add(timed);
    return timed;
  };
  return { clock, deadlines, passed, after };
}

test("a deadline passes within a turn of the wheel's slot, and never too early", async () => {
  const { clock, passed, after } = scene();
  after("b", 35);
  after("a", 3);
  after("far", 20_000);
  await clock.advance(2);
  assert.deepEqual(passed, []);
  await clock.advance(20);
  assert.deepEqual(passed, ["a"]);
  await clock.advance(12);
  assert.deepEqual(passed, ["a"]);
  await clock.advance(20);
  assert.deepEqual(passed, ["a", "b"]);
  await clock.advance(19_900);
  assert.deepEqual(passed, ["a", "b"]);
  await clock.advance(100);
  assert.deepEqual(passed, ["a", "b", "far"]);
});

test("what was removed does not pass, and may be removed again", async () => {
  const { clock, deadlines, passed, after } = scene();
  const [first, second, third] = ["first", "second", "third"].map((name) => after(name, 10)) as [Timed, Timed, Timed];
  deadlines.remove(second);
  deadlines.remove(second);
  deadlines.remove(first);
  await clock.advance(30);
  assert.deepEqual(passed, ["third"]);
  deadlines.remove(third);
});

test("a deadline that passes may take others with it, and add some", async () => {
  const { clock, deadlines, passed, after } = scene();
  const other = after("other", 5_000);
  after("one", 10, () => {
    deadlines.remove(other);
    after("later", 10);
  });
  await clock.advance(40);
  assert.deepEqual(passed, ["one", "later"]);
  await clock.advance(6_000);
  assert.deepEqual(passed, ["one", "later"]);
});

test("no timer runs while there is no deadline", async () => {
  const { clock, deadlines, after } = scene();
  deadlines.remove(after("gone", 10));
  await clock.advance(20);
  assert.equal(clock.pendingTimers, 0);
});
