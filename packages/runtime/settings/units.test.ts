import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { problemOf } from "../testing/problem-of.ts";
import { byteSize, duration, showDuration } from "./units.ts";

describe("duration", () => {
  const kind = duration({ min: 500, max: 86_400_000 });

  test("is read in milliseconds", () => {
    for (const [text, ms] of [
      ["500ms", 500],
      ["60s", 60_000],
      ["2m", 120_000],
      ["1h", 3_600_000],
      ["1d", 86_400_000],
      ["1.5s", 1_500],
      ["2 S", 2_000],
    ] as const) {
      assert.equal(kind.schema.parse(text), ms, text);
    }
  });

  test("0 needs no unit", () => {
    assert.equal(duration({ min: 0, max: 1_000 }).schema.parse("0"), 0);
  });

  test("what is wrong is said, with what would be right", () => {
    const right = "give a duration such as 500ms, 60s, 2m, 1h or 7d, from 500ms to 1d";
    for (const [text, why] of [
      ["5", "has no unit"],
      ["5 parsecs", "has the unknown unit parsecs"],
      ["soon", "is not a duration"],
      ["-5s", "is not a duration"],
      ["1e3s", "is not a duration"],
      ["500.5ms", "is not a whole number of ms"],
      ["499ms", "is too small"],
      ["0", "is too small"],
      ["25h", "is too large"],
    ] as const) {
      assert.equal(problemOf(kind, text), `${why}: ${right}`, text);
    }
  });

  test("is shown in the largest unit that leaves a whole number, and reads back the same", () => {
    for (const [ms, text] of [
      [500, "500ms"],
      [90_000, "90s"],
      [60_000, "1m"],
      [333, "333ms"],
      [86_400_000, "1d"],
      [0, "0"],
    ] as const) {
      assert.equal(showDuration(ms), text);
    }
  });
});

describe("size", () => {
  const kind = byteSize({ min: 1_024, max: 64 * 2 ** 20 });

  test("is read in bytes and shown again", () => {
    assert.equal(kind.schema.parse("4MiB"), 4_194_304);
    assert.equal(kind.schema.parse("64kib"), 65_536);
    assert.equal(kind.schema.parse("1500B"), 1_500);
    assert.equal(kind.show(4_194_304), "4MiB");
    assert.equal(kind.show(1_500), "1500B");
  });

  test("units of other families are refused, not guessed", () => {
    const right = "give a size such as 512B, 64KiB or 4MiB, from 1KiB to 64MiB";
    assert.equal(problemOf(kind, "4MB"), `has the unknown unit MB: ${right}`);
    assert.equal(problemOf(kind, "4096"), `has no unit: ${right}`);
  });
});
