import type { PresenceUpdate } from "../feed/feed.ts";

/** What is known of a user. Never changed, only replaced: who holds one can go by its identity. */
export interface Dot extends PresenceUpdate {
  /** Those with a live session, as last looked up; undefined: not known. */
  readonly devices: readonly string[] | undefined;
}

/** Whether more is known of the devices than before, or they changed. */
export function differInDevices(before: Dot, after: Dot): boolean {
  if (after.devices === undefined || after.devices === before.devices) return false;
  return before.devices?.join(separator) !== after.devices.join(separator);
}

/** Ids hold no control characters. */
const separator = "\0";

/** What tells dots of one user apart. */
export function stateOf({ userId, version, devices }: Dot): string {
  return [userId, version, ...(devices ?? [])].join(separator);
}

/** Whether somebody who sees the one would see a change when shown the other. */
export function differ(before: Dot, after: Dot): boolean {
  if (before.online !== after.online) return true;
  return !after.online && after.lastSeenMs !== 0 && before.lastSeenMs !== after.lastSeenMs;
}
