import assert from "node:assert/strict";
import { test } from "node:test";
import { isPastHistory, isWithin, nearestWithin } from "./log-bounds.ts";

const bounds = { partition: 0, start: 3n, highWatermark: 5n };
const positions = [2n, 3n, 4n, 5n, 6n];

test("reading goes on at a record that exists, or at the one that is written next", () => {
  assert.deepEqual(
    positions.map((position) => isWithin(bounds, position)),
    [false, true, true, true, false],
  );
  assert.deepEqual(
    positions.map((position) => nearestWithin(bounds, position)),
    [3n, 3n, 4n, 5n, 5n],
  );
});

test("history ends at the high watermark", () => {
  assert.deepEqual(
    positions.map((position) => isPastHistory(bounds, position)),
    [false, false, false, true, true],
  );
  assert.equal(isPastHistory({ partition: 0, start: 0n, highWatermark: 0n }, 0n), true, "an empty partition has none");
});
