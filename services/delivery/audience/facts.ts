import { type AffectedPairs, type AudienceChange, beforeAllRecords, type ChangeBatch } from "./directory.ts";

/**
 * What a change says about one relation, or one user's policy. Each keeps only its strongest stamp. So facts may come in any order and
 * any number of times, from any number of independent sources, with the same outcome.
 */
export interface Fact {
  readonly relation: Relation | "policy";
  /** The conversation, the owner of the contact, the user that blocks, the owner of the policy. */
  readonly left: string;
  /** The member, the contact, the blocked user; the policy. */
  readonly right: string;
  readonly stamp: Stamp;
  /** Offset of its record; -1: no order. */
  readonly offset: number;
  /** Latest time of all earlier records of its source; 0: only the stamps decide. */
  readonly earlier: number;
}

export type Relation = "member" | "contact" | "block";

/**
 * Time of the fact, µs since 1970; positive when it shows (is a member, has the contact, does not block), negative when
 * it hides.
 */
export type Stamp = number;

/** The later one wins; at the same time the one that hides, since no user may be shown by mistake. */
function isStronger(stamp: Stamp, than: Stamp | undefined): boolean {
  if (than === undefined) return true;
  const [at, otherAt] = [Math.abs(stamp), Math.abs(than)];
  return at > otherAt || (at === otherAt && stamp < than);
}

/**
 * The stamp of a relation after the fact; undefined: unchanged. A fact that is later in the source of the known stamp
 * wins, whatever its own stamp is.
 * @param known undefined: the relation is new
 */
export function stampAfter({ stamp, earlier }: Pick<Fact, "stamp" | "earlier">, known: Stamp | undefined) {
  if (known === undefined || isStronger(stamp, known)) return stamp;
  const followsInSource = Math.abs(known) <= earlier && Math.sign(stamp) !== Math.sign(known);
  return followsInSource ? Math.sign(stamp) * (Math.abs(known) + 1) : undefined;
}

/** The same for a policy, where of two at one time the later one applied counts. */
export function policyStampAfter({ stamp, earlier }: Pick<Fact, "stamp" | "earlier">, known: Stamp | undefined) {
  if (known === undefined || stamp >= known) return stamp;
  return known <= earlier ? known + 1 : undefined;
}

export function factsOf({ changes, origin }: ChangeBatch): Fact[] {
  let latest = origin?.after?.at ?? beforeAllRecords;
  return changes.flatMap((change) => {
    const { offset = -1, at } = change;
    const facts = factsOfChange(change);
    if (offset < 0) return facts.map((fact) => ({ ...fact, offset, earlier: 0 }));
    const before = latest;
    latest = nextLatest(latest, at);
    return facts.map((fact) => ({ ...fact, offset, earlier: isToldByOneSource(fact) ? before : 0 }));
  });
}

/**
 * The latest time in a source after one more record. It grows with every record, so that a later record can take a time
 * that no earlier one has.
 * @param before latest time before the record
 * @param at time of the record
 */
export function nextLatest(before: number, at: number): number {
  return Math.max(at, before + 1);
}

/** Contacts and blocks end in another source than they begin in. */
function isToldByOneSource({ relation }: UndatedFact): boolean {
  return relation === "member" || relation === "policy";
}

type UndatedFact = Pick<Fact, "relation" | "left" | "right" | "stamp">;

function factsOfChange(change: AudienceChange): UndatedFact[] {
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
    case "policy":
      return [{ relation: "policy", left: change.userId, right: change.policy, stamp: at }];
  }
}

const member = (left: string, right: string, stamp: Stamp): UndatedFact => ({ relation: "member", left, right, stamp });
const contact = (left: string, right: string, stamp: Stamp): UndatedFact => ({
  relation: "contact",
  left,
  right,
  stamp,
});
const block = (left: string, right: string, stamp: Stamp): UndatedFact => ({ relation: "block", left, right, stamp });

/** What facts affect; the other members of the conversations are not known yet. */
interface AffectedMembers {
  /** Users whose membership may have changed, by conversation. */
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
  readonly pairs: readonly AffectedPairs[];
}

export function affectedBy(facts: readonly Fact[]): AffectedMembers {
  const members = new Map<string, Set<string>>();
  const others = new Map<string, Set<string>>();
  for (const { relation, left, right } of facts) {
    if (relation === "policy") continue;
    const groups = relation === "member" ? members : others;
    const group = groups.get(left);
    if (group === undefined) groups.set(left, new Set([right]));
    else group.add(right);
  }
  return { members, pairs: [...others].map(([user, group]) => ({ users: [user], others: [...group] })) };
}
