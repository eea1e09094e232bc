import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { openHistories } from "./testing/random-events.ts";
import { type Event, people } from "./testing/simulation/events.ts";
import { PushSimulation } from "./testing/simulation/push-simulation.ts";

async function hold(events: readonly Event[], clockSeed: number, limits: { interestMax: number; watchedMax: number }) {
  const world = new PushSimulation(new FakeClock({ seed: clockSeed }), { limits, gateways: 2 });
  for (const each of events) await world.apply(each);
  await world.settle();
  world.judgeRest(limits.interestMax >= people.length);
  world.end();
}

test("no socket ever receives a user that it may not see, and at rest every client has the true state", async () => {
  const limits = { interestMax: 100, watchedMax: 100 };
  const property = fc.asyncProperty(openHistories, fc.nat(), (events, clockSeed) => hold(events, clockSeed, limits));
  await fc.assert(property, { seed: seed(), numRuns: 1_000 });
});

test("the same with more users than a socket may watch", async () => {
  const limits = { interestMax: 2, watchedMax: 3 };
  const property = fc.asyncProperty(openHistories, fc.nat(), (events, clockSeed) => hold(events, clockSeed, limits));
  await fc.assert(property, { seed: seed(), numRuns: 1_000 });
});
