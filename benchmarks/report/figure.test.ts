import assert from "node:assert/strict";
import { test } from "node:test";
import { percentile, summaryOf } from "./figure.ts";

test("a disturbed round disturbs neither the median nor, when it hits both sides, the ratio", () => {
  const figure = { name: "cost", unit: "µs", samples: [2, 20, 2], baseline: { name: "plain", samples: [4, 40, 4] } };
  const { spread, ratio } = summaryOf(figure);
  assert.deepEqual(spread, { median: 2, min: 2, max: 20 });
  assert.equal(ratio, 0.5);
});

test("a target is met only when all that it asks for holds", () => {
  const isMet = (target: { atMost?: number; atLeast?: number; ratioAtMost?: number }) =>
    summaryOf({ name: "cost", unit: "µs", samples: [2], baseline: { name: "plain", samples: [4] }, target }).isMet;
  assert.equal(isMet({ atMost: 2, ratioAtMost: 0.5 }), true);
  assert.equal(isMet({ atMost: 1.9, ratioAtMost: 0.5 }), false);
  assert.equal(isMet({ atMost: 2, ratioAtMost: 0.4 }), false);
  assert.equal(isMet({ atLeast: 3 }), false);
});

test("without a target there is nothing to meet, and a ratio that is asked for needs a baseline", () => {
  assert.equal(summaryOf({ name: "cost", unit: "µs", samples: [2] }).isMet, undefined);
  assert.equal(summaryOf({ name: "cost", unit: "µs", samples: [2], target: { ratioAtMost: 1 } }).isMet, false);
});

test("p99 leaves one in a hundred above it, whatever the order", () => {
  const values = Array.from({ length: 1_000 }, (_, index) => (index * 7) % 1_000);
  assert.equal(percentile(values, 0.99), 990);
  assert.equal(percentile([5], 0.99), 5);
});
