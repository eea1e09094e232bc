import type { Policy } from "./policy.ts";

/**
 * The port to what the directory knows of users' policies, for all gateways that share it. They are stored with the
 * relations (see AudienceDirectory.apply): what is said later counts.
 *
 * All calls reject with AudienceError UNAVAILABLE when the directory cannot answer. Then nothing more is shown.
 */
export interface PolicyDirectory {
  /** Of all the users given, and perhaps of others; those of whom nothing is stored have the policy `everything`. */
  policiesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, Known>>;
  /**
   * Stores the state in which an invisible user hid. The first one counts, for all gateways, until it is forgotten.
   * @returns the stored one; undefined: the user is visible, by what the directory knows
   */
  hide(userId: string, state: HiddenState): Promise<HiddenState | undefined>;
  /**
   * Forgets the hidden state of a user who is visible and online.
   * @param sinceMs of that state: a later one stays
   */
  show(userId: string, sinceMs: number): Promise<void>;
  /**
   * The directory's clock as it is known here, µs since 1970. It never goes back, and never runs ahead of what any gateway
   * reads afterwards: `policiesOf` sets it.
   */
  nowUs(): number;
}

export interface Known {
  readonly policy: Policy;
  /** Since when it holds, wall clock, ms; 0: always. */
  readonly sinceMs: number;
  /** What is shown of the user to those who may not see the truth; undefined: the truth. It outlasts `invisible`. */
  readonly hidden: HiddenState | undefined;
}

/** How a user was when it hid: offline, as if it had logged out at that moment. */
export interface HiddenState {
  /** When the user hid, wall clock, ms. */
  readonly sinceMs: number;
  /** Wall clock, ms; 0: unknown, or forgotten. */
  readonly lastSeenMs: number;
  /** The device seen last; empty: unknown, or forgotten. */
  readonly deviceId: string;
  /** When last seen and device are forgotten, wall clock, ms; 0: never. */
  readonly forgetMs: number;
  /** The text that stood, until when, wall clock, ms; absent: none. */
  readonly status?: { readonly text?: string; readonly emoji?: string; readonly untilMs?: number };
  /** Presence's shard of the user, and the version of the state that the user hid in. */
  readonly shard: number;
  readonly version: number;
}
