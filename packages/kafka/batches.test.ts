import assert from "node:assert/strict";
import { test } from "node:test";
import { batchesOf } from "./batches.ts";

const sized = (size: number) => ({ size });
const sizeOf = ({ size }: { size: number }) => size;
const sizesOf = (sizes: number[], limits: { maxRecords: number; maxBytes?: number }) =>
  [...batchesOf(sizes.map(sized), limits, sizeOf)].map((batch) => batch.map(sizeOf));

test("a batch ends before it would be too long or too large; the order stays", () => {
  assert.deepEqual(sizesOf([1, 2, 3, 4, 5], { maxRecords: 2, maxBytes: 100 }), [[1, 2], [3, 4], [5]]);
  assert.deepEqual(sizesOf([4, 6, 1, 9, 2], { maxRecords: 10, maxBytes: 10 }), [[4, 6], [1, 9], [2]]);
  assert.deepEqual(sizesOf([1, 20, 300], { maxRecords: 2 }), [[1, 20], [300]]);
  assert.deepEqual(sizesOf([], { maxRecords: 10, maxBytes: 10 }), []);
});

test("a record that is too large by itself travels alone: whether it is too large is for the broker to say", () => {
  assert.deepEqual(sizesOf([1, 50, 2], { maxRecords: 10, maxBytes: 10 }), [[1], [50], [2]]);
});

test("limits that shrink count from the next batch on", () => {
  const limits = { maxRecords: 10, maxBytes: 4 };
  const sizes: number[][] = [];
  for (const batch of batchesOf([2, 2, 2, 2].map(sized), limits, sizeOf)) {
    sizes.push(batch.map(sizeOf));
    limits.maxBytes = 2;
  }
  assert.deepEqual(sizes, [[2, 2], [2], [2]]);
});
