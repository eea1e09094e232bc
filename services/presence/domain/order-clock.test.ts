import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  newOrderClock,
  type OrderClock,
  orderClockAt,
  readOrderClock,
  reckonOrderUs,
  tickOrderClock,
} from "./order-clock.ts";

const second = 1_000_000;
const wallUs = 1_790_000_000 * second;
const toleranceUs = second;

/** Seconds after the beginning. */
const s = (us: number) => (us - wallUs) / second;
const at = (seconds: number) => wallUs + seconds * second;
const read = (clock: OrderClock, seconds: number) => s(readOrderClock(clock, at(seconds)));
const was = (clock: OrderClock, seconds: number) => s(orderClockAt(clock, at(seconds)));

/** Ticks, all in seconds after the beginning. */
function tick(clock: OrderClock, now: number, { reckoned = -1_000, begun = 0 } = {}): OrderClock {
  const begunUs = begun === 0 ? 0 : at(begun);
  return tickOrderClock(clock, { nowUs: at(now), reckonedUs: at(reckoned), begunUs, toleranceUs });
}

describe("the order clock", () => {
  test("is the wall clock as long as nobody steps that", () => {
    assert.deepEqual([read(newOrderClock, 5), was(newOrderClock, -5)], [5, -5]);
    assert.equal(tick(newOrderClock, 5), newOrderClock);
    assert.equal(tick(newOrderClock, 5, { reckoned: 6 }), newOrderClock);
    assert.equal(orderClockAt(newOrderClock, -1), 1);
  });

  test("goes on where the wall clock is stepped back, any number of times", () => {
    const once = tick(newOrderClock, -40, { reckoned: 0 });
    assert.deepEqual([read(once, -40), read(once, -30), was(once, -45)], [0, 10, -5]);
    const twice = tick(once, -60, { reckoned: 10 });
    assert.deepEqual([read(twice, -60), read(twice, -50), was(twice, -75)], [10, 20, -5]);
  });

  test("jumps to a begin, and has made up for it at half the speed", () => {
    const begun = tick(newOrderClock, 0, { begun: 10 });
    assert.deepEqual([read(begun, 0), read(begun, 2), read(begun, 20), read(begun, 30)], [10, 11, 20, 30]);
    assert.deepEqual([was(begun, -1), was(begun, 2), was(begun, 25)], [-1, 11, 25]);
  });

  test("is stepped back amid a jump as if nobody had", () => {
    const begun = tick(newOrderClock, 0, { begun: 10 });
    const early = tick(begun, -40, { reckoned: 12 });
    assert.deepEqual([read(early, -40), read(early, -24), read(early, -14)], [12, 20, 30]);
    assert.deepEqual([was(early, -45), was(early, -42)], [-1, 11]);
    const late = tick(begun, 0, { reckoned: 30 });
    assert.deepEqual([read(late, 0), was(late, -31), was(late, -29)], [30, -1, 10.5]);
  });

  test("remembers of begins that follow each other when it was level last", () => {
    const begun = tick(tick(newOrderClock, 0, { begun: 10 }), 1, { begun: 20.5 });
    assert.deepEqual([read(begun, 1), read(begun, 40), was(begun, -1)], [20.5, 40, -1]);
    assert.equal(was(tick(begun, 50, { begun: 60 }), 45), 45);
  });

  test("is never set back, whatever a node reckons and wherever a shard begins", () => {
    const ahead = tick(newOrderClock, 0, { reckoned: 60 });
    assert.equal(tick(ahead, 0, { reckoned: 0 }), ahead);
    assert.equal(read(tick(ahead, 0, { begun: -10 }), 0), 60);
  });

  test("jumps above all orders of a store whose clock was stepped back once more when nobody was there", () => {
    const ahead = tick(newOrderClock, 0, { reckoned: 60 });
    const order = read(ahead, 7);
    const begun = tick(ahead, -2, { begun: 17 });
    assert.ok(read(begun, -2) > order);
    assert.ok(was(begun, -5) < order, "whoever was there before is below");
  });

  test("is reckoned from a reading by the time that passed since", () => {
    const clock = tick(tick(newOrderClock, -40, { reckoned: 0 }), -40, { begun: 10 });
    const reading = { nowUs: at(-40), aheadUs: clock.aheadUs, orderUs: readOrderClock(clock, at(-40)) };
    for (const passed of [0, 4, 20, 30]) {
      assert.equal(s(reckonOrderUs(reading, passed * second)), read(clock, -40 + passed));
    }
  });
});
