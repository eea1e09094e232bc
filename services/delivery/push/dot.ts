import type { PresenceUpdate } from "../feed/feed.ts";

/** The known state of a user. Immutable: the same object is the same state. */
export interface Dot extends PresenceUpdate {
  /** Devices with a live session, as last looked up; undefined: not known. */
  readonly devices: readonly string[] | undefined;
}

/** Whether the devices changed, or became known. */
export function differInDevices(before: Dot, after: Dot): boolean {
  if (after.devices === undefined || after.devices === before.devices) return false;
  return before.devices?.join(separator) !== after.devices.join(separator);
}

/** Ids contain no control characters. */
const separator = "\0";

/** Equal for dots of the same user and the same state. */
export function stateOf({ userId, version, devices }: Dot): string {
  return [userId, version, ...(devices ?? [])].join(separator);
}

/** Whether the two states look different to a watcher. */
export function differ(before: Dot, after: Dot): boolean {
  if (before.online !== after.online) return true;
  return !after.online && after.lastSeenMs !== 0 && before.lastSeenMs !== after.lastSeenMs;
}
