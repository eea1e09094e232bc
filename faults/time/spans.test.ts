import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { afterCounted, intersection, isInside, lengthOf, merged, type Span, without } from "./spans.ts";

const spans = (...pairs: [number, number][]): Span[] => pairs.map(([beginMs, endMs]) => ({ beginMs, endMs }));
const [whole] = spans([0, 100]) as [Span];

describe("spans of time", () => {
  test("overlapping and touching spans become one, empty ones none", () => {
    assert.deepEqual(merged(spans([5, 9], [0, 3], [3, 4], [8, 12], [20, 20])), spans([0, 4], [5, 12]));
  });

  test("the intersection has what is in both", () => {
    assert.deepEqual(intersection(spans([0, 10], [20, 30]), spans([5, 25])), spans([5, 10], [20, 25]));
  });

  test("what is cut out leaves what is before, between and after", () => {
    assert.deepEqual(without(whole, spans([10, 20], [50, 60])), spans([0, 10], [20, 50], [60, 100]));
    assert.deepEqual(without(whole, spans([-5, 10], [90, 200])), spans([10, 90]));
    assert.deepEqual(without(whole, spans([-5, 200])), []);
  });

  test("a span is inside another, not inside two that leave a gap", () => {
    assert(isInside(whole, spans([0, 100])));
    assert(!isInside(whole, spans([0, 50], [51, 100])));
  });

  test("time that does not count postpones", () => {
    assert.equal(afterCounted(10, 5, []), 15);
    assert.equal(afterCounted(10, 5, spans([12, 20])), 23);
    assert.equal(afterCounted(10, 5, spans([0, 12], [14, 20], [100, 200])), 23);
    assert.equal(afterCounted(10, 5, spans([15, 20])), 15, "it had passed before");
  });

  test("lengths add up", () => {
    assert.equal(lengthOf(spans([0, 10], [20, 25])), 15);
  });
});
