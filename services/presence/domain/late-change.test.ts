import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { countsUntil, isTooLate } from "./late-change.ts";

const asked = { nowUs: 1_790_000_000_000_000, clockMs: 70_000 };
const until = countsUntil(asked, 2_000);
const isLateAfter = (wallMs: number, shardMs: number) =>
  isTooLate(until, { nowUs: asked.nowUs + wallMs * 1_000, clockMs: asked.clockMs + shardMs });

describe("a change counts as long as the node waits for its answer, and not a moment longer (P2, P7)", () => {
  test("by the wall clock, though the shard clock stood still with the store", () => {
    assert.equal(isLateAfter(2_000, 0), false);
    assert.equal(isLateAfter(2_001, 0), true);
  });

  test("by the shard clock, though the wall clock was stepped back", () => {
    assert.equal(isLateAfter(-60_000, 2_000), false);
    assert.equal(isLateAfter(-60_000, 2_001), true);
  });
});
