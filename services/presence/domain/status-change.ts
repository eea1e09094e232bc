import type { UserRecord } from "./session.ts";
import { isToldApart, plainStatus, saidBy, statusOf, type UserStatus } from "./status.ts";
import type { NewTransition } from "./transition.ts";

/** @returns undefined: the plain one (see plainStatus) */
export function statusIn(record: UserRecord): UserStatus | undefined {
  const { online, claims } = record;
  const sinceMs = online ? idleSinceMs(record) : 0;
  if (claims === undefined && sinceMs === 0) return undefined;
  const status = statusOf(online, sinceMs, saidBy(claims?.claims ?? []));
  return sinceMs === 0 && !isToldApart(status, plainStatus(online)) ? undefined : status;
}

/**
 * Whether users who stay online, or offline, are told with another status. Whose coming and going is told is told with the
 * status then. Who is online below the shard's begin is restated by it: restating passes over all that is above, and consumers
 * that know no statuses pass over those.
 * @param beginUs of the shard
 */
export function decideStatusChange(
  before: UserRecord | undefined,
  after: UserRecord,
  beginUs: number,
): NewTransition | undefined {
  const { online } = after;
  const was = (before && statusIn(before)) ?? plainStatus(online);
  const is = statusIn(after) ?? plainStatus(online);
  if (!isToldApart(was, is)) return undefined;
  const cause = online && after.version < beginUs ? "RESTATED" : "STATUS";
  return { online, cause, deviceId: "", instanceId: "" };
}

/** Since when all sessions of a user are idle, also those in grace, which stay as they were; 0: they are not. */
function idleSinceMs({ devices }: UserRecord): number {
  let sinceMs = 0;
  for (const { current } of devices.values()) {
    if (current === undefined) continue;
    const itsMs = current.activity?.idleSinceMs ?? 0;
    if (itsMs === 0) return 0;
    sinceMs = Math.max(sinceMs, itsMs);
  }
  return sinceMs;
}
