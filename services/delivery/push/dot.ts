import { plainStatus } from "@realchat/presence-client";
import type { PresenceUpdate } from "../feed/feed.ts";
import { noTransition, type ShownUser } from "./shown-user.ts";

/** The known state of a user, which is what those are shown who may see all of it. Immutable, as that is. */
export interface Dot extends PresenceUpdate, ShownUser {}

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

/** When and why the user last came or went. */
export function transitionOf(dot: Dot | undefined): Pick<Dot, keyof typeof noTransition> {
  return dot === undefined ? noTransition : { cause: dot.cause, deviceId: dot.deviceId, atUs: dot.atUs };
}

/**
 * What an answer comes to: one of before a loss, once all who are online have been restated, says that the user is offline
 * since.
 * @param floor version of that
 */
export function atFloor(dot: Dot, floor: number): Dot {
  if (dot.version >= floor) return dot;
  const lastSeenMs = dot.online ? 0 : dot.lastSeenMs;
  return { ...dot, online: false, version: floor, devices: [], lastSeenMs, status: plainStatus(false) };
}
