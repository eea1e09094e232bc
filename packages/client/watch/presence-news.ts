import type { PresenceChange } from "../presence-change.ts";

export type PresenceNews =
  /** A user came or went, has another status, or is told for the first time; see also `repeats` of WatchOptions. */
  | ({ readonly kind: "change" } & PresenceChange)
  /** All that happened so far has been told. */
  | { readonly kind: "synced" }
  /**
   * Presence lost data, and recovers; told again when it loses data meanwhile. Changes go on and are true, and nobody is told to
   * be offline by mistake; but who left may still be told to be online. `synced` follows when that is cleared up.
   */
  | { readonly kind: "recovering" }
  /** From here on something may be missing; it is told before the next `synced`. */
  | { readonly kind: "unsynced"; readonly why: string };
