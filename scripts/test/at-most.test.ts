import assert from "node:assert/strict";
import { test } from "node:test";
import { atMost } from "./at-most.ts";

test("all items are worked on in order, and never more at once than allowed", async () => {
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  await atMost(2, [1, 2, 3, 4, 5], async (item) => {
    begun.push(item);
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    running -= 1;
  });
  assert.deepEqual(begun, [1, 2, 3, 4, 5]);
  assert.equal(most, 2);
});
