import assert from "node:assert/strict";
import { test } from "node:test";
import { beforeAllRecords } from "../directory.ts";
import { atOf } from "./record-clock.ts";

test("a record happened at its timestamp, and after the record before", () => {
  assert.equal(atOf(1_790_000_000_000, undefined), 1_790_000_000_000_000);
  assert.equal(atOf(1_790_000_000_000, 1_790_000_000_000_000), 1_790_000_000_000_001);
  assert.equal(atOf(1_780_000_000_000, 1_790_000_000_000_000), 1_790_000_000_000_001);
});

test("a record without timestamp is later than any import", () => {
  assert.ok(atOf(-1, undefined) > beforeAllRecords);
});

test("a timestamp in the wrong unit does not spoil the order of what follows", () => {
  const at = atOf(1_790_000_000_000_000_000, undefined);
  assert.ok(atOf(1_790_000_000_000, at) > at);
  assert.ok(Number.isSafeInteger(2 * at));
});
