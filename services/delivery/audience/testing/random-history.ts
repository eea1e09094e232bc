import fc from "fast-check";
import { type AudienceChange, beforeAllRecords } from "../directory.ts";

/** Few enough that everything happens to everybody. One is nobody's friend but might be a key of an object. */
export const users = ["ann", "bob", "c:d", "{eve}", "__proto__"];
const conversations = ["room", "a:b", "{x}"];

/** What two gateways do, one after the other. */
type Step =
  /** Gateway reads on in a source and applies what it read, at most that many records. */
  | { readonly kind: "read"; readonly gateway: 0 | 1; readonly source: number; readonly records: number }
  /** Applies the batch that it applied last once more: it never heard that it was through. */
  | { readonly kind: "repeat"; readonly gateway: 0 | 1 }
  /** Starts anew, where the directory says. */
  | { readonly kind: "restart"; readonly gateway: 0 | 1 }
  | { readonly kind: "import"; readonly gateway: 0 | 1; readonly changes: readonly AudienceChange[] };

export interface RandomHistory {
  /** By source: its records in order, each later than the one before. Of different sources some are at one moment. */
  readonly sources: readonly (readonly AudienceChange[])[];
  readonly steps: readonly Step[];
}

const user = fc.constantFrom(...users);
const conversationId = fc.constantFrom(...conversations);
const gateway = fc.constantFrom(0 as const, 1 as const);

type Undated = AudienceChange extends infer Change ? (Change extends unknown ? Omit<Change, "at"> : never) : never;

const inConversations: fc.Arbitrary<Undated> = fc.oneof(
  fc.record({
    kind: fc.constant("conversation" as const),
    conversationId,
    participants: fc.uniqueArray(user, { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constantFrom("joined" as const, "left" as const), conversationId, userId: user }),
);
const ofContacts = (kind: "contact-added" | "contact-removed"): fc.Arbitrary<Undated> =>
  fc.record({ kind: fc.constant(kind), userId: user, contactId: user });
const ofBlocks = (kind: "blocked" | "unblocked"): fc.Arbitrary<Undated> =>
  fc.record({ kind: fc.constant(kind), userId: user, blockedId: user });

/** As Kafka has them: a topic each but for conversations, which have one in two partitions. */
const kindsOfSources = [
  inConversations,
  inConversations,
  ofContacts("contact-added"),
  ofContacts("contact-removed"),
  ofBlocks("blocked"),
  ofBlocks("unblocked"),
];

function recordsOf(kind: fc.Arbitrary<Undated>): fc.Arbitrary<AudienceChange[]> {
  const record = fc.record({ change: kind, laterBy: fc.integer({ min: 1, max: 4 }) });
  return fc.array(record, { maxLength: 12 }).map((records) => {
    let at = beforeAllRecords;
    return records.map(({ change, laterBy }) => {
      at += laterBy;
      return { ...change, at } as AudienceChange;
    });
  });
}

const imported = fc.oneof(
  inConversations.filter(({ kind }) => kind === "conversation"),
  ofContacts("contact-added"),
  ofBlocks("blocked"),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("read" as const),
      gateway,
      source: fc.nat({ max: kindsOfSources.length - 1 }),
      records: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("repeat" as const), gateway }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), gateway }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("import" as const),
      gateway,
      changes: fc
        .array(imported, { minLength: 1, maxLength: 4 })
        .map((changes) => changes.map((change) => ({ ...change, at: beforeAllRecords }) as AudienceChange)),
    }),
  },
);

export const randomHistory: fc.Arbitrary<RandomHistory> = fc.record({
  sources: fc.tuple(...kindsOfSources.map(recordsOf)),
  steps: fc.array(step, { maxLength: 30 }),
});
