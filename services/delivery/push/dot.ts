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

/** Of a state that is said again after a loss: the devices that were known of the user. It does not say which there are. */
export function withDevicesOf(before: Dot, dot: Dot): Dot {
  return dot.cause === restated && dot.online && before.online ? { ...dot, devices: before.devices } : dot;
}

/** TRANSITION_CAUSE_RESTATED */
const restated = 6;

/** What an answer of before a loss comes to, once all who are online have been restated: the user is offline since. */
export function offlineSince(floor: number, dot: Dot): Dot {
  return { ...dot, online: false, version: floor, devices: [], lastSeenMs: dot.online ? 0 : dot.lastSeenMs };
}
