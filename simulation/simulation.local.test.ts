import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { seed } from "@realchat/presence-testing";
import { simulate } from "./simulate.ts";

const longEnoughMs = 12_000;
/** Ten minutes, of which the last two are calm. */
const hours = 1 / 6;

/** Longer by hand: `npm run simulate`. */
test("no promise is broken in a fleet's life, whatever goes wrong", async () => {
  const endMs = systemClock.monotonicMs() + longEnoughMs;
  let transitions = 0;
  for (let each = seed(); transitions === 0 || systemClock.monotonicMs() < endMs; each++) {
    const outcome = await simulate(each, hours);
    const replay = `npm run simulate -- --seeds 1 --hours ${hours} --seed ${each}`;
    assert.deepEqual(outcome.violations, [], `seed ${each}: ${replay}\n${outcome.violations.join("\n")}`);
    transitions += outcome.transitions;
  }
  assert.ok(transitions > 100);
});

test("a seed is the same run each time", async () => {
  assert.deepEqual(await simulate(7, hours), await simulate(7, hours));
});
