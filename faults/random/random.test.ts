import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random } from "./random.ts";

describe("seeded chance", () => {
  test("the same seed gives the same numbers, another seed others", () => {
    const draw = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 20 }, () => random.next());
    };
    assert.deepEqual(draw(41), draw(41));
    assert.notDeepEqual(draw(41), draw(42));
  });

  test("what a fork is asked for does not change what comes after it", () => {
    const drawAfterFork = (times: number) => {
      const random = new Random(7);
      const fork = random.fork();
      for (let time = 0; time < times; time++) fork.next();
      return random.next();
    };
    assert.equal(drawAfterFork(0), drawAfterFork(100));
  });

  test("weights decide how often a choice is made", () => {
    const random = new Random(1);
    const counts = { often: 0, seldom: 0, never: 0 };
    for (let draw = 0; draw < 4_000; draw++) {
      counts[
        random.weighted(["often", "seldom", "never"] as const, (name) => ({ often: 3, seldom: 1, never: 0 })[name])
      ]++;
    }
    assert.equal(counts.never, 0);
    assert(counts.often > 2_800 && counts.often < 3_200, `${counts.often} of 4,000`);
  });
});
