import type { Dot } from "./dot.ts";

/** The port to presence: what is true of these users now. Rejects when that cannot be said. */
export type PresenceLookup = (userIds: readonly string[]) => Promise<LookedUp>;

export interface LookedUp {
  /** One per user asked for, but for those of whom presence knows nothing. */
  readonly dots: readonly Dot[];
  /** The store lost its data a moment ago: who is absent may be online. */
  readonly recovering: boolean;
}
