import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { knownHistories } from "./testing/known-histories.ts";
import { hidingHistories } from "./testing/random-events.ts";
import type { Event, World } from "./testing/simulation/events.ts";
import { PushSimulation } from "./testing/simulation/push-simulation.ts";
import { differenceOf, type Life } from "./testing/timeline.ts";

/** How many random histories, and which: the same ones each time, or as many others as are asked for. */
const { TWO_WORLDS } = process.env;
const histories = TWO_WORLDS === undefined ? { seed: 41, numRuns: 200 } : { seed: seed(), numRuns: Number(TWO_WORLDS) };

/** Those in which known histories once differed. */
const knownSeeds = [6, 41, 352116583];

async function live(world: World, events: readonly Event[], clockSeed: number): Promise<Life> {
  const clock = new FakeClock({ seed: clockSeed });
  const limits = { interestMax: 100, watchedMax: 100 };
  const simulation = new PushSimulation(clock, { limits, gateways: 3, world });
  const moments: number[] = [];
  for (const event of events) {
    moments.push(clock.monotonicMs());
    await simulation.apply(event);
  }
  await simulation.settle();
  simulation.judgeQueues();
  const { told } = simulation;
  simulation.end();
  return { moments, told };
}

/** What clients were told, and when, does not tell the two worlds apart. */
async function compare(events: readonly Event[], clockSeed: number): Promise<void> {
  const hides = await live("hides", events, clockSeed);
  const difference = differenceOf(events, hides, await live("leaves", events, clockSeed));
  if (difference !== undefined) assert.fail(difference);
}

describe("to everybody else, one who hides is one who logged out at that moment and stayed away (P9)", () => {
  for (const [who, events] of Object.entries(knownHistories)) {
    test(`who ${who}`, async () => {
      for (const clockSeed of knownSeeds) await compare(events, clockSeed);
    });
  }

  test("in random histories", async () => {
    const property = fc.asyncProperty(hidingHistories, fc.nat(), compare);
    await fc.assert(property, histories);
  });
});
