import type { Transition, TransitionCause } from "../../../domain/transition.ts";

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
 * Reads what `append` in lua/log/append.lua wrote: user, online, cause, device, instance, last seen, joined by NUL.
 * @param version from the id of the entry
 * @returns undefined for what it never wrote
 */
export function decodeEntry(packed: string, version: number, shard: number): Transition | undefined {
  return decodeFields(packed.split("\0"), version, shard);
}

function decodeFields(fields: readonly string[], version: number, shard: number): Transition | undefined {
  const [userId, online, cause, deviceId, instanceId, lastSeen] = fields;
  const name = causes[Number(cause)];
  const lastSeenMs = Number(lastSeen);
  if (!userId || !deviceId || !instanceId || name === undefined) return undefined;
  if (!isWhole(lastSeenMs) || !isWhole(version)) return undefined;
  return { userId, online: online === "1", version, cause: name, deviceId, instanceId, lastSeenMs, shard };
}

function isWhole(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}

/**
 * Reads an announcement on the live channel: versions and their entries in turn, joined by NUL as these are.
 * @returns undefined for what no script announced
 */
export function decodeAnnouncement(message: string, shard: number): Transition[] | undefined {
  const fields = message.split("\0");
  const transitions: Transition[] = [];
  for (let start = 0; start < fields.length; start += announcedFields) {
    const [version, ...entry] = fields.slice(start, start + announcedFields);
    const transition = decodeFields(entry, Number(version), shard);
    if (transition === undefined) return undefined;
    transitions.push(transition);
  }
  return transitions;
}
