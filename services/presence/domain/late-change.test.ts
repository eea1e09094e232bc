import assert from "node:assert/strict";
import { test } from "node:test";
import { countsUntilUs, isTooLate } from "./late-change.ts";

test("a change counts as long as the node waits for its answer, and not a moment longer (P2, P7)", () => {
  const askedUs = 1_790_000_000_000_000;
  const untilUs = countsUntilUs(askedUs, 2_000);
  assert.equal(isTooLate(untilUs, { nowUs: askedUs - 60_000_000 }), false, "the store's clock was stepped back");
  assert.equal(isTooLate(untilUs, { nowUs: askedUs + 2_000_000 }), false);
  assert.equal(isTooLate(untilUs, { nowUs: askedUs + 2_000_001 }), true);
});
