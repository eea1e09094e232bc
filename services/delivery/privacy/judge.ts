import { type Field, fields, type Policy } from "./policy.ts";

/** Two users who may see each other: neither blocks the other, and the viewer is in the owner's audience. */
export interface Pair {
  readonly owner: string;
  readonly ownerPolicy: Policy;
  readonly viewer: string;
  readonly viewerPolicy: Policy;
  /** Whether the owner has the viewer as a contact. */
  readonly isContact: boolean;
  /** Whether the viewer has the owner as a contact. */
  readonly isContactOfViewer: boolean;
  /** Of the viewer's token. */
  readonly viewerRoles: ReadonlySet<string>;
  readonly rules: Rules;
}

/** An organisation's setting. */
export interface Rules {
  /** false: `invisible` counts for nobody. */
  readonly mayBeInvisible: boolean;
  /** Roles that see through `invisible`; what else a policy says counts for them too. */
  readonly rolesThatSee: ReadonlySet<string>;
}

/**
 * What the viewer may see of the owner. `online` is false and another field is not: the owner is invisible, and the field
 * is shown as the hidden state has it.
 */
export interface Sight extends Readonly<Record<Field, boolean>> {
  /** Whether the viewer sees the truth where others see the hidden state. */
  readonly seesHidden: boolean;
}

/** Fields as bits, so that there are few sights, and the same one for all viewers who see the same. */
const bits = Object.fromEntries(fields.map((field, index) => [field, 1 << index])) as Record<Field, number>;
const allFields = bits.online | bits.lastSeen | bits.status | bits.devices;
const seesHidden = allFields + 1;

const sights: readonly Sight[] = Array.from({ length: 2 * seesHidden }, (_, seen) => {
  const has = (bit: number) => (seen & bit) !== 0;
  const { online, lastSeen, status, devices } = bits;
  return Object.freeze({
    ...{ online: has(online), lastSeen: has(lastSeen), status: has(status), devices: has(devices) },
    seesHidden: has(seesHidden),
  });
});

/** Judges by `hide`, `show` and the fields, in that order; then by what the viewer shows in return, and by `invisible`. */
export function judge(pair: Pair): Sight {
  return sights[seenOf(pair)] as Sight;
}

function seenOf(pair: Pair): number {
  const { ownerPolicy, viewer, isContact, viewerRoles, rules } = pair;
  const through = !rules.mayBeInvisible || hasAny(viewerRoles, rules.rolesThatSee) ? seesHidden : 0;
  const shown = shownTo(viewer, ownerPolicy, isContact);
  const seen = ownerPolicy.reciprocal ? shown & returnedBy(pair) : shown;
  if ((seen & bits.online) === 0) return through;
  return through | (ownerPolicy.invisible && through === 0 ? seen & ~bits.online : seen);
}

/** What the viewer shows the owner. Whether the viewer, too, asks for something in return makes no difference to it. */
function returnedBy({ owner, viewerPolicy, isContactOfViewer, rules }: Pair): number {
  return isInvisible(viewerPolicy, rules) ? 0 : shownTo(owner, viewerPolicy, isContactOfViewer);
}

/** Whether a policy hides the user where these rules are. */
function isInvisible({ invisible }: Policy, { mayBeInvisible }: Rules): boolean {
  return invisible && mayBeInvisible;
}

function shownTo(viewer: string, policy: Policy, isContact: boolean): number {
  if (policy.hide.has(viewer)) return 0;
  if (policy.show.has(viewer)) return allFields;
  let shown = 0;
  for (const field of fields) {
    const to = policy[field];
    if (to === "audience" || (to === "contacts" && isContact)) shown |= bits[field];
  }
  return shown;
}

function hasAny(roles: ReadonlySet<string>, wanted: ReadonlySet<string>): boolean {
  for (const role of roles) if (wanted.has(role)) return true;
  return false;
}
