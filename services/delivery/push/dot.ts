import type { PresenceUpdate } from "../feed/feed.ts";

/** What is known of a user. Never changed, only replaced: who holds one can go by its identity. */
export interface Dot extends PresenceUpdate {
  /** Those with a live session, as last looked up; undefined: not known. */
  readonly devices: readonly string[] | undefined;
}

/** Whether somebody who sees the one would see a change when shown the other. */
export function differ(before: Dot, after: Dot): boolean {
  if (before.online !== after.online) return true;
  return !after.online && after.lastSeenMs !== 0 && before.lastSeenMs !== after.lastSeenMs;
}
