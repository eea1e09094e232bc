import type { Scope } from "@realchat/presence-runtime/callers";

/** A caller that has shown who it is. */
export interface Caller {
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Where its scopes are written, for people. */
  readonly grantedBy: string;
  /** Wall clock, ms since 1970, from when on it has to be looked at again; Infinity: never. */
  readonly untilMs: number;
}
