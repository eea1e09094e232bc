import assert from "node:assert/strict";
import { test } from "node:test";
import { TokenBucket } from "./token-bucket.ts";

test("a burst is let through, then so many a second, and what is saved up never exceeds a burst", () => {
  const bucket = new TokenBucket({ perSecond: 2, burst: 3 }, 0);
  const taken = (times: number, atMs: number) => Array.from({ length: times }, () => bucket.take(atMs));
  assert.deepEqual(taken(4, 0), [true, true, true, false]);
  assert.deepEqual(taken(2, 500), [true, false]);
  assert.deepEqual(taken(3, 1_500), [true, true, false]);
  assert.deepEqual(taken(4, 100_000), [true, true, true, false]);
});

test("less than a token is kept for later, and what is refused costs nothing", () => {
  const bucket = new TokenBucket({ perSecond: 5, burst: 10 }, 0);
  for (let count = 0; count < 10; count++) assert.equal(bucket.take(0), true);
  assert.deepEqual(
    [199, 199, 200, 399, 400].map((atMs) => bucket.take(atMs)),
    [false, false, true, false, true],
  );
});

test("it says how long it takes until there is a token", () => {
  const bucket = new TokenBucket({ perSecond: 5, burst: 1 }, 0);
  assert.equal(bucket.waitMs, 0);
  bucket.take(0);
  assert.equal(bucket.waitMs, 200);
  assert.equal(bucket.take(150), false);
  assert.equal(Math.round(bucket.waitMs), 50);
});
