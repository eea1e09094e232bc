import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageAllowance } from "./message-allowance.ts";

test("a burst is allowed, then so many a second, and what is saved up never exceeds a burst", () => {
  const allowance = new MessageAllowance({ perSecond: 2, burst: 3 }, 0);
  const taken = (times: number, atMs: number) => Array.from({ length: times }, () => allowance.take(atMs));
  assert.deepEqual(taken(4, 0), [true, true, true, false]);
  assert.deepEqual(taken(2, 500), [true, false]);
  assert.deepEqual(taken(3, 1_500), [true, true, false]);
  assert.deepEqual(taken(4, 100_000), [true, true, true, false]);
});
