import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantError } from "./invariant.ts";
import { nextVersion, streamIdOf, versionOf } from "./version.ts";

test("a version is the time, or just above the last when the clock stepped back (P3)", () => {
  assert.equal(nextVersion(0, 1_790_000_000_000_000), 1_790_000_000_000_000);
  assert.equal(nextVersion(1_790_000_000_000_000, 1_790_000_000_000_000), 1_790_000_000_000_001);
  assert.equal(nextVersion(1_790_000_000_000_000, 5), 1_790_000_000_000_001);
});

test("a version that a double cannot count is refused", () => {
  assert.equal(nextVersion(Number.MAX_SAFE_INTEGER - 1, 0), Number.MAX_SAFE_INTEGER);
  assert.throws(() => nextVersion(Number.MAX_SAFE_INTEGER, 0), InvariantError);
  assert.throws(() => nextVersion(0, 1.5), InvariantError);
});

test("a version and its stream id stand for each other, in the same order", () => {
  assert.equal(streamIdOf(1_790_000_000_123_045), "1790000000123-45");
  for (const version of [0, 1, 999, 1_000, 1_790_000_000_123_999, Number.MAX_SAFE_INTEGER]) {
    assert.equal(versionOf(streamIdOf(version)), version);
  }
});

test("a stream id that no version made is refused", () => {
  assert.throws(() => versionOf("9007199254741-0-1"), InvariantError);
  assert.throws(() => versionOf("18446744073709551615-1"), InvariantError);
});
