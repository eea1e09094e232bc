import { isToldApart, plainStatus } from "@realchat/presence-client";
import type { PresenceUpdate } from "../feed/feed.ts";

/** The known state of a user. Immutable: the same object is the same state. */
export interface Dot extends PresenceUpdate {
  /** When the user last came or went, which is what `cause` and `deviceId` are of, µs since 1970; 0: not known. */
  readonly atUs: number;
  /** Devices with a live session, as last looked up; undefined: not known. */
  readonly devices: readonly string[] | undefined;
}

/** The contract's TransitionCause. */
const causes = { connected: 1, restated: 6, status: 9 } as const;

/** What an update of the feed says of devices: the first one came, or the last one left. */
export function dotOf(update: PresenceUpdate): Dot {
  const { online, version, cause, deviceId } = update;
  const devices = cause === causes.connected && deviceId !== "" ? [deviceId] : undefined;
  return { ...update, atUs: version, devices: online ? devices : [] };
}

/** The state that a user is in after `dot`, which is not older. What it leaves out stays as it was. */
export function follow(before: Dot | undefined, dot: Dot): Dot {
  if (before?.version === dot.version) return withBoth(before, dot);
  const kept = before?.online === dot.online ? before : undefined;
  if (dot.cause === causes.status) return { ...dot, ...transitionOf(kept), devices: kept?.devices ?? dot.devices };
  return dot.cause === causes.restated && kept?.online ? { ...dot, devices: kept.devices } : dot;
}

/** The same state, twice: a look-up knows the devices, an event why the user came or went. */
function withBoth(before: Dot, dot: Dot): Dot {
  const isKnown = before.cause !== 0 || dot.cause === causes.status;
  return { ...before, ...(!isKnown && transitionOf(dot)), devices: dot.devices ?? before.devices };
}

function transitionOf(dot: Dot | undefined): Pick<Dot, "cause" | "deviceId" | "atUs"> {
  return { cause: dot?.cause ?? 0, deviceId: dot?.deviceId ?? "", atUs: dot?.atUs ?? 0 };
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
  if (before.online !== after.online || isToldApart(before.status, after.status)) return true;
  return !after.online && after.lastSeenMs !== 0 && before.lastSeenMs !== after.lastSeenMs;
}

/** What an answer of before a loss comes to, once all who are online have been restated: the user is offline since. */
export function offlineSince(floor: number, dot: Dot): Dot {
  const lastSeenMs = dot.online ? 0 : dot.lastSeenMs;
  return { ...dot, online: false, version: floor, devices: [], lastSeenMs, status: plainStatus(false) };
}
