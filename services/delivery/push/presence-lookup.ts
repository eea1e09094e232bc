import type { Dot } from "./dot.ts";

/**
 * The port to presence: the states of these users now. Rejects when presence has no answer; with LookupRefused when one of
 * the users may be the cause.
 */
export type PresenceLookup = (userIds: readonly string[]) => Promise<LookupResult>;

export interface LookupResult {
  /** Of the requested users that presence can read; of the others, what is known stays. */
  readonly dots: readonly Dot[];
  /** The store lost data a moment ago: of a user who is offline in this answer, it says nothing. */
  readonly recovering: boolean;
  /** By shard: since when its data go back, as a version; what was before, it has lost. Absent: nothing is known to be lost. */
  readonly dataSince: ReadonlyMap<number, number>;
  /** How long presence keeps last seen, ms; 0: it does not say. */
  readonly lastSeenRetentionMs: number;
}

/** Presence is reachable and cannot answer this call: a retry of the same call is useless. */
export class LookupRefused extends Error {
  override readonly name = "LookupRefused";
}
