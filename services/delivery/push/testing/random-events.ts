import fc from "fast-check";
import { type Event, hider, people } from "./simulation/events.ts";

// The hider more often than others, where somebody hides.
const user = fc.constantFrom(...people, hider);
const users = fc.uniqueArray(user, { minLength: 1, maxLength: 3 });
const socket = fc.nat({ max: 7 });
const gateway = fc.nat({ max: 2 });
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

type Weighted = fc.WeightedArbitrary<Event>;

/** What happens where everybody shows everything. */
const ofAll: readonly Weighted[] = [
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("connect" as const), user, gateway }) },
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
      kept: fc.oneof(
        fc.constant("nothing" as const),
        fc.record(
          Object.fromEntries(
            people.map((each) => [each, fc.constantFrom("nothing" as const, "older" as const, "all" as const)]),
          ),
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
      of: fc.constantFrom("presence" as const, "directory" as const, "policies" as const),
      isOver: fc.boolean(),
    }),
  },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 60 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1_000, max: 8_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), gateway }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("devices" as const), user }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("status" as const),
      user,
      status: fc.constantFrom({ text: "lunch" }, { text: "", emoji: "🍕" }, { text: "", emoji: "" }),
    }),
  },
];

const viewers = fc.constantFrom("audience" as const, "contacts" as const, "nobody" as const);
const nobody: ReadonlySet<string> = new Set();
const some = fc.uniqueArray(user, { maxLength: 2 }).map((ids): ReadonlySet<string> => new Set(ids));

/** What of a policy may change in both worlds. */
const patch = fc.record(
  {
    online: viewers,
    lastSeen: viewers,
    status: viewers,
    devices: viewers,
    reciprocal: fc.boolean(),
    show: some,
    hide: some,
  },
  { requiredKeys: [] },
);

const policy: Weighted = { weight: 6, arbitrary: fc.record({ kind: fc.constant("policy" as const), user, patch }) };

export const openHistories = fc.array(fc.oneof(...ofAll), { minLength: 10, maxLength: 60 });

const restriction = fc.oneof(
  fc.record({ online: fc.constant("nobody" as const), show: fc.constant(nobody) }),
  fc.record({ online: fc.constantFrom("nobody" as const, "contacts" as const), show: some }),
  fc.record({ hide: fc.uniqueArray(user, { minLength: 1, maxLength: 3 }).map((ids) => new Set(ids)) }),
);

const hide = fc.record({
  kind: fc.constant("hide" as const),
  how: fc.oneof(fc.constant("invisible" as const), restriction),
  late: fc.boolean(),
});

const show: Weighted = { weight: 3, arbitrary: fc.constant({ kind: "show" as const }) };

const before = fc.array(fc.oneof(...ofAll, policy), { minLength: 5, maxLength: 50 });
const after = fc.array(fc.oneof(...ofAll, policy, show, { weight: 1, arbitrary: hide }), {
  minLength: 5,
  maxLength: 50,
});

/** Everybody sees each other, and some look. */
const beginning: readonly Event[] = [
  { kind: "relation", change: { kind: "conversation", conversationId: "hall", participants: people } },
  { kind: "connect", user: "ann", gateway: 0 },
  { kind: "connect", user: "bob", gateway: 1 },
  { kind: "flip", user: hider, feed: "told" },
];

/** In which the hider hides at some moment, and may show itself, and hide again. */
export const hidingHistories = fc
  .tuple(fc.integer({ min: 0, max: beginning.length }), before, hide, after)
  .map(([count, ...[first, hides, last]]): Event[] => [...beginning.slice(0, count), ...first, hides, ...last]);
