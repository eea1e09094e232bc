import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { type Event, PushSimulation, type World } from "./testing/push-simulation.ts";
import { hidingHistories } from "./testing/random-events.ts";

/** How many histories, and which: the same few each time, or as many others as are asked for. */
const { TWO_WORLDS } = process.env;
const histories = TWO_WORLDS === undefined ? { seed: 41, numRuns: 100 } : { seed: seed(), numRuns: Number(TWO_WORLDS) };

async function live(world: World, events: readonly Event[], clockSeed: number) {
  const limits = { interestMax: 100, watchedMax: 100 };
  const simulation = new PushSimulation(new FakeClock({ seed: clockSeed }), { limits, gateways: 3, world });
  for (const event of events) await simulation.apply(event);
  await simulation.settle();
  simulation.judgeQueues();
  const { told } = simulation;
  simulation.end();
  return told;
}

test("to everybody else, one who hides is one who logged out at that moment and stayed away (P9)", async () => {
  const property = fc.asyncProperty(hidingHistories, fc.nat(), async (events, clockSeed) => {
    assert.deepEqual(await live("hides", events, clockSeed), await live("leaves", events, clockSeed));
  });
  await fc.assert(property, histories);
});
