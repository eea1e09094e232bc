import assert from "node:assert/strict";
import { test } from "node:test";
import { closedLoop, closedLoopOf } from "./closed-loop.ts";

test("every call is made once, and never more than were to be in flight", async () => {
  const begun: number[] = [];
  let inFlight = 0;
  let most = 0;
  await closedLoop({ count: 100, inFlight: 7 }, (index, answered) => {
    begun.push(index);
    inFlight += 1;
    most = Math.max(most, inFlight);
    setImmediate(() => {
      inFlight -= 1;
      answered();
    });
  });
  assert.deepEqual(
    begun,
    Array.from({ length: 100 }, (_, index) => index),
  );
  assert.equal(most, 7);
});

test("a failed call is reported at the end, when none is in flight any more", async () => {
  let over = 0;
  const loop = closedLoopOf({ count: 10, inFlight: 3 }, async (index) => {
    await new Promise(setImmediate);
    over += 1;
    if (index === 4) throw new Error("the fifth failed");
  });
  await assert.rejects(loop, /the fifth failed/);
  assert.equal(over, 10);
});
