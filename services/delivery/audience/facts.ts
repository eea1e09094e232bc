import type { AffectedPairs, AudienceChange } from "./directory.ts";

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
}

export type Relation = "member" | "contact" | "block";

/**
 * When it was said, µs since 1970: positive when it speaks for seeing (is a member, has the contact, does not block),
 * negative when against.
 */
export type Stamp = number;

/** The later one wins; at the same moment the one that hides, since nobody may be seen by mistake. */
export function isStronger(stamp: Stamp, than: Stamp | undefined): boolean {
  if (than === undefined) return true;
  const [at, otherAt] = [Math.abs(stamp), Math.abs(than)];
  return at > otherAt || (at === otherAt && stamp < than);
}

export function factsOf(changes: readonly AudienceChange[]): Fact[] {
  return changes.flatMap(factsOfChange);
}

function factsOfChange(change: AudienceChange): Fact[] {
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

const member = (left: string, right: string, stamp: Stamp): Fact => ({ relation: "member", left, right, stamp });
const contact = (left: string, right: string, stamp: Stamp): Fact => ({ relation: "contact", left, right, stamp });
const block = (left: string, right: string, stamp: Stamp): Fact => ({ relation: "block", left, right, stamp });

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
