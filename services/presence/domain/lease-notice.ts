import type { Refusal } from "./block.ts";
import { type Device, type SessionRef, sessionIdOf } from "./session.ts";

/**
 * What the process that holds a lease is told of a session under it, best effort; verification finds out all the same.
 * Superseded: a newer session of the device took its place. Closed: an operator ended it.
 */
export type LeaseNotice = { readonly leaseId: string; readonly session: SessionRef } & (
  | { readonly kind: "superseded" }
  | { readonly kind: "closed"; readonly refusal: Refusal }
);

/** @returns undefined if what was replaced is under no lease: a heartbeat tells its caller */
export function supersededNotice(
  userId: string,
  deviceId: string,
  replaced: Device["current"],
): LeaseNotice | undefined {
  if (replaced?.leaseId === undefined) return undefined;
  const session = { userId, deviceId, sessionId: sessionIdOf(replaced.session) };
  return { kind: "superseded", leaseId: replaced.leaseId, session };
}
