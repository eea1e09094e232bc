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

/** A version and the fields of an entry. */
const announcedFields = 7;

/**
 * Reads what `append` in lua/log.lua wrote: user, online, cause, device, instance, last seen, joined by NUL.
 * @param version from the id of the entry
 */
export function decodeEntry(packed: string, version: number, shard: number): Transition {
  return decodeFields(packed.split("\0"), version, shard);
}

function decodeFields(fields: readonly string[], version: number, shard: number): Transition {
  const [userId, online, cause, deviceId, instanceId, lastSeenMs] = fields;
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

/** Reads an announcement on the live channel: versions and their entries in turn, joined by NUL as these are. */
export function decodeAnnouncement(message: string, shard: number): Transition[] {
  const fields = message.split("\0");
  const transitions: Transition[] = [];
  for (let start = 0; start < fields.length; start += announcedFields) {
    const [version, ...entry] = fields.slice(start, start + announcedFields);
    transitions.push(decodeFields(entry, Number(version), shard));
  }
  return transitions;
}
