import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { type Event, PushSimulation, people } from "./testing/push-simulation.ts";

const user = fc.constantFrom(...people);
const users = fc.uniqueArray(user, { minLength: 1, maxLength: 3 });
const socket = fc.nat({ max: 7 });
const conversationId = fc.constantFrom("room", "hall");

const relation = fc.oneof(
  fc.record({ kind: fc.constant("conversation" as const), conversationId, participants: users }),
  fc.record({ kind: fc.constantFrom("joined" as const, "left" as const), conversationId, userId: user }),
  fc.record({
    kind: fc.constantFrom("contact-added" as const, "contact-removed" as const),
    userId: user,
    contactId: user,
  }),
  fc.record({ kind: fc.constantFrom("blocked" as const, "unblocked" as const), userId: user, blockedId: user }),
);

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("connect" as const), user }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("leave" as const, "hold" as const, "release" as const), socket }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("subscribe" as const, "unsubscribe" as const), socket, users }),
  },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("relation" as const), change: relation }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("flip" as const),
      user,
      feed: fc.constantFrom("told" as const, "told" as const, "late" as const, "never" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), user }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("lose" as const),
      kept: fc.record(
        Object.fromEntries(
          people.map((each) => [each, fc.constantFrom("nothing" as const, "older" as const, "all" as const)]),
        ),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("recover" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("lag" as const),
      partition: fc.constantFrom(0, 1),
      isOver: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("gap" as const, "look-again" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("outage" as const),
      of: fc.constantFrom("presence" as const, "directory" as const),
      isOver: fc.boolean(),
    }),
  },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 60 }) }) },
);

async function hold(events: readonly Event[], clockSeed: number, limits: { interestMax: number; watchedMax: number }) {
  const world = new PushSimulation(new FakeClock({ seed: clockSeed }), limits);
  for (const each of events) await world.apply(each);
  await world.settle();
  world.judgeRest(limits.interestMax >= people.length);
  world.end();
}

const histories = fc.array(event, { minLength: 10, maxLength: 60 });

test("no socket ever receives a user that it may not see, and at rest every client has the true state", async () => {
  const limits = { interestMax: 100, watchedMax: 100 };
  const property = fc.asyncProperty(histories, fc.nat(), (events, clockSeed) => hold(events, clockSeed, limits));
  await fc.assert(property, { seed: seed(), numRuns: 1_000 });
});

test("the same with more users than a socket may watch", async () => {
  const limits = { interestMax: 2, watchedMax: 3 };
  const property = fc.asyncProperty(histories, fc.nat(), (events, clockSeed) => hold(events, clockSeed, limits));
  await fc.assert(property, { seed: seed(), numRuns: 1_000 });
});
