import type { Dot } from "./dot.ts";

/**
 * The port to presence: what is true of these users now. Rejects when that cannot be said; with LookupRefused when it may
 * be so for one of them only.
 */
export type PresenceLookup = (userIds: readonly string[]) => Promise<LookedUp>;

export interface LookedUp {
  /** Of those asked for of whom presence can tell: who is not among them stays as he is known. */
  readonly dots: readonly Dot[];
  /** The store lost its data a moment ago: who is absent may be online. */
  readonly recovering: boolean;
}

/** Presence is there, and has no answer to this question: to ask the same again would be of no use. */
export class LookupRefused extends Error {
  override readonly name = "LookupRefused";
}
