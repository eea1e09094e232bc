import { invariant } from "../../domain/invariant.ts";
import type { Transition, TransitionCause } from "../../domain/transition.ts";

/** Causes by their number in the contract's TransitionCause, which is what the log holds. */
const causes: readonly (TransitionCause | undefined)[] = [
  undefined,
  "CONNECTED",
  "DISCONNECTED",
  "LOGGED_OUT",
  "CONNECTION_LOST",
  "EXPIRED",
  "RESTATED",
];

/**
 * Reads what `append` in lua/log.lua wrote: user, online, cause, device, instance, last seen, joined by NUL.
 * @param version from the id of the entry
 */
export function decodeEntry(packed: string, version: number, shard: number): Transition {
  const [userId, online, cause, deviceId, instanceId, lastSeenMs] = packed.split("\0");
  const name = causes[Number(cause)];
  invariant(
    userId !== undefined && deviceId !== undefined && instanceId !== undefined && name !== undefined,
    `entry ${version} of shard ${shard} is not a transition`,
  );
  return {
    userId,
    online: online === "1",
    version,
    cause: name,
    deviceId,
    instanceId,
    lastSeenMs: Number(lastSeenMs),
    shard,
  };
}

/** Reads an announcement on the live channel: the version, NUL, the entry. */
export function decodeAnnouncement(message: string, shard: number): Transition {
  const end = message.indexOf("\0");
  return decodeEntry(message.slice(end + 1), Number(message.slice(0, end)), shard);
}
