import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { runCampaign } from "./campaign.ts";
import { type Outcome, simulate } from "./simulate.ts";

/** The same each time, so that what a slow machine does not get to is known, too. */
const firstSeed = 1;
const seeds = 150;
/** A slow machine plays fewer. */
const longEnoughMs = 15_000;
/** Three minutes. */
const hours = 0.05;

/** Other ones, and longer, by hand: `npm run simulate`. */
test("no promise is broken in a fleet's life, whatever goes wrong", async () => {
  const stop = new AbortController();
  const cancel = systemClock.after(longEnoughMs, () => stop.abort());
  const outcomes: Outcome[] = [];
  const onOutcome = (outcome: Outcome) => outcomes.push(outcome);
  await runCampaign({
    firstSeed,
    seeds,
    hours,
    workers: availableParallelism(),
    onOutcome,
    signal: stop.signal,
  });
  cancel();
  for (const { seed: each, violations } of outcomes) {
    const replay = `npm run simulate -- --seeds 1 --hours ${hours} --seed ${each}`;
    assert.deepEqual(violations, [], `seed ${each}: ${replay}\n${violations.join("\n")}`);
  }
  const transitions = outcomes.reduce((sum, outcome) => sum + outcome.transitions, 0);
  process.stdout.write(`${outcomes.length} seeds of ${hours} h, ${transitions} transitions\n`);
  assert.ok(transitions > 100);
});

test("a seed is the same run each time", async () => {
  assert.deepEqual(await simulate(7, hours), await simulate(7, hours));
});
