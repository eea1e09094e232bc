import assert from "node:assert/strict";
import { test } from "node:test";
import { readSeed, runs, seed } from "./seed.ts";

test("a seed that is given is taken, and one that cannot be is refused", () => {
  assert.equal(readSeed("41"), 41);
  assert.equal(readSeed("0"), 0);
  assert.equal(readSeed(undefined), undefined);
  for (const wrong of ["-1", "1.5", "x", "2147483648"]) {
    assert.throws(() => readSeed(wrong), { message: `SEED=${wrong} is not an integer from 0 to 2147483647` });
  }
});

test("a long run tries a multiple of the cases", () => {
  assert.deepEqual([runs(250, undefined), runs(250, ""), runs(250, "10")], [250, 250, 2_500]);
  assert.throws(() => runs(250, "0"), { message: "RUNS=0 is not an integer from 1 to 999999" });
});

test("all random tests of a process share one seed", () => {
  assert.equal(seed(), seed());
  assert.equal(readSeed(String(seed())), seed());
});
