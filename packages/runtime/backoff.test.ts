import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "./backoff.ts";
import { FakeClock } from "./fake-clock.ts";

const limits = { firstMs: 100, capMs: 5_000 };

test("the wait's limit doubles with each attempt, up to the cap, also after thousands of attempts", () => {
  const clock = new FakeClock();
  clock.random = () => 0.999999;
  const waits = [0, 1, 2, 5, 6, 60, 5_000].map((attempt) => backoffMs(attempt, limits, clock));
  assert.deepEqual(waits, [100, 200, 400, 3_200, 5_000, 5_000, 5_000]);
});

test("waits are spread over all of the range, so that those who failed together part", () => {
  const clock = new FakeClock({ seed: 7 });
  const waits = Array.from({ length: 1_000 }, () => backoffMs(3, limits, clock));
  assert.ok(waits.every((wait) => Number.isInteger(wait) && wait >= 1 && wait <= 800));
  for (const quarter of [0, 1, 2, 3]) {
    const share = waits.filter((wait) => wait > quarter * 200 && wait <= (quarter + 1) * 200).length;
    assert.ok(share > 200 && share < 300, `${share} of 1000 waits in quarter ${quarter}`);
  }
});

test("a wait is never nothing, which would be a busy loop", () => {
  const clock = new FakeClock();
  clock.random = () => 0;
  assert.equal(backoffMs(0, limits, clock), 1);
});
