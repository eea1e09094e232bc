import { judge, type Rules, type Sight } from "../privacy/judge.ts";
import type { Policy } from "../privacy/policy.ts";
import type { Dot } from "./dot.ts";
import { shownBy, type Told } from "./gate.ts";
import { asksForPairs, type PairedSocket, type Pairs, stranger } from "./pairs.ts";
import type { ShownUser } from "./shown-user.ts";

type GuardState = Pick<Guard, "userId" | "policy" | "sinceMs" | "pairs" | "rules"> & Told;

/** Of a user who does not show everything to everybody: what each viewer is shown. Immutable but for its pairs. */
export class Guard implements Told {
  readonly userId: string;
  readonly policy: Policy;
  /** When the user said so, wall clock, ms. */
  readonly sinceMs: number;
  readonly pairs: Pairs;
  readonly rules: Rules;
  readonly dot: Dot | undefined;
  readonly away: Dot | undefined;
  readonly isHiding: boolean;
  /** Few sights: their views are shared, and so are the frames. */
  readonly #views = new Map<Sight, ShownUser | undefined>();

  constructor({ userId, policy, sinceMs, pairs, rules, dot, away, isHiding }: GuardState) {
    this.userId = userId;
    this.policy = policy;
    this.sinceMs = sinceMs;
    this.pairs = pairs;
    this.rules = rules;
    this.dot = dot;
    this.away = away;
    this.isHiding = isHiding;
  }

  /** Whether the user is offline to everybody, whatever it does. */
  get isForNobody(): boolean {
    const { invisible, online, show } = this.policy;
    // Who hid, and is visible again, is to be found back.
    return this.isHiding ? invisible : online === "nobody" && show.size === 0;
  }

  /** Whether somebody is not to know that the user is online. */
  get isSecret(): boolean {
    const { invisible, online, reciprocal, hide } = this.policy;
    return this.isHiding || invisible || reciprocal || online !== "audience" || hide.size > 0;
  }

  /** The same, of what is told now. Views are made anew: a frame that is kept of an old one has an old version. */
  telling(dot: Dot | undefined, away: Dot | undefined): Guard {
    const { userId, policy, sinceMs, pairs, rules, isHiding } = this;
    return new Guard({ userId, policy, sinceMs, pairs, rules, isHiding, dot, away });
  }

  /** Whether it is known what this viewer may see. */
  isJudged({ viewer }: PairedSocket): boolean {
    return !asksForPairs(this.policy) || this.pairs.isKnown(viewer);
  }

  /**
   * By what was known of the viewer last.
   * @returns undefined: nothing was, or nothing is told yet
   */
  shownTo({ viewer, roles }: PairedSocket): ShownUser | undefined {
    const { userId, policy: ownerPolicy, rules } = this;
    const facts = asksForPairs(ownerPolicy) ? this.pairs.of(viewer) : stranger;
    if (facts === undefined) return undefined;
    const sight = judge({ owner: userId, ownerPolicy, viewer: viewer.userId, viewerRoles: roles, rules, ...facts });
    if (!this.#views.has(sight)) this.#views.set(sight, shownBy(sight, this));
    return this.#views.get(sight);
  }
}
