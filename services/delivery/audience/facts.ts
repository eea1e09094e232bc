import { type AffectedPairs, type AudienceChange, beforeAllRecords, type ChangeBatch } from "./directory.ts";

/**
 * What a change says about one relation. A relation keeps its strongest stamp and nothing else; so facts may come in any
 * order and any number of times, from any number of sources that know nothing of each other, and the outcome is the same.
 */
export interface Fact {
  readonly relation: Relation;
  /** The conversation, the one who has the contact, the one who blocks. */
  readonly left: string;
  /** The member, the contact, the blocked one. */
  readonly right: string;
  readonly stamp: Stamp;
  /** Of its record; -1: it stands in no order. */
  readonly offset: number;
  /** Nothing that its source told of such a relation before it is later than that; 0: only the stamps decide. */
  readonly earlier: number;
}

export type Relation = "member" | "contact" | "block";

/**
 * When it was said, µs since 1970: positive when it speaks for seeing (is a member, has the contact, does not block),
 * negative when against.
 */
export type Stamp = number;

/** The later one wins; at the same moment the one that hides, since nobody may be seen by mistake. */
function isStronger(stamp: Stamp, than: Stamp | undefined): boolean {
  if (than === undefined) return true;
  const [at, otherAt] = [Math.abs(stamp), Math.abs(than)];
  return at > otherAt || (at === otherAt && stamp < than);
}

/**
 * The stamp that a relation has after the fact; undefined: the one that it has. Where the fact is later in the source that
 * told the known one, it wins whatever the stamps say.
 * @param known undefined: nothing was ever said of it
 */
export function stampAfter({ stamp, earlier }: Pick<Fact, "stamp" | "earlier">, known: Stamp | undefined) {
  if (known === undefined || isStronger(stamp, known)) return stamp;
  const isToldAfter = Math.abs(known) <= earlier && Math.sign(stamp) !== Math.sign(known);
  return isToldAfter ? Math.sign(stamp) * (Math.abs(known) + 1) : undefined;
}

export function factsOf({ changes, origin }: ChangeBatch): Fact[] {
  let latest = origin?.after?.at ?? beforeAllRecords;
  return changes.flatMap((change) => {
    const { offset = -1, at } = change;
    const facts = factsOfChange(change);
    if (offset < 0) return facts.map((fact) => ({ ...fact, offset, earlier: 0 }));
    const before = latest;
    latest = latestOf(latest, at);
    // Only of memberships one source tells both: that they began, and that they ended.
    return facts.map((fact) => ({ ...fact, offset, earlier: fact.relation === "member" ? before : 0 }));
  });
}

/**
 * Moves on with every record, so that a relation told later in a source may take a moment that no record before it has.
 * @param before of what came before it in the source
 * @param at of the record
 */
export function latestOf(before: number, at: number): number {
  return Math.max(at, before + 1);
}

type Said = Pick<Fact, "relation" | "left" | "right" | "stamp">;

function factsOfChange(change: AudienceChange): Said[] {
  const { at } = change;
  switch (change.kind) {
    case "conversation":
      return change.participants.map((userId) => member(change.conversationId, userId, at));
    case "joined":
      return [member(change.conversationId, change.userId, at)];
    case "left":
      return [member(change.conversationId, change.userId, -at)];
    case "contact-added":
      return [contact(change.userId, change.contactId, at)];
    case "contact-removed":
      return [contact(change.userId, change.contactId, -at)];
    case "blocked":
      return [block(change.userId, change.blockedId, -at), contact(change.userId, change.blockedId, -at)];
    case "unblocked":
      return [block(change.userId, change.blockedId, at)];
  }
}

const member = (left: string, right: string, stamp: Stamp): Said => ({ relation: "member", left, right, stamp });
const contact = (left: string, right: string, stamp: Stamp): Said => ({ relation: "contact", left, right, stamp });
const block = (left: string, right: string, stamp: Stamp): Said => ({ relation: "block", left, right, stamp });

/** What facts touch, before it is known who is or was in the conversations. */
interface Touched {
  /** Members whose membership is told, by conversation. */
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
  readonly pairs: readonly AffectedPairs[];
}

export function touchedBy(facts: readonly Fact[]): Touched {
  const members = new Map<string, Set<string>>();
  const others = new Map<string, Set<string>>();
  for (const { relation, left, right } of facts) {
    const groups = relation === "member" ? members : others;
    const group = groups.get(left);
    if (group === undefined) groups.set(left, new Set([right]));
    else group.add(right);
  }
  return { members, pairs: [...others].map(([user, group]) => ({ users: [user], others: [...group] })) };
}
