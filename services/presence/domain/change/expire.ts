import { type Moment, nowMs } from "../moment.ts";
import type { Rules } from "../rules.ts";
import { type Ending, type Session, sessionIdOf, type UserRecord } from "../session.ts";
import type { NewTransition, TransitionCause } from "../transition.ts";
import { clearCurrent } from "./devices.ts";

/**
 * The due member of the deadlines: a session, or a device in grace. `deviceId`: where the store knows it, since one
 * previous_session_id and connection_id sent for two devices give both the same session_id.
 */
type DueMember = { readonly sessionId: string; readonly deviceId?: string } | { readonly graceOf: string };

type ExpireDecision =
  | { kind: "expired"; record: UserRecord; deviceId: string; session: Session; transition: NewTransition | undefined }
  /** The record no longer knows it: drop the deadline. */
  | { kind: "stale" };

/** @param deadlineMs of the member, shard clock */
export function decideExpire(
  record: UserRecord | undefined,
  due: DueMember,
  deadlineMs: number,
  moment: Moment,
  rules: Rules,
): ExpireDecision {
  if (record === undefined) return { kind: "stale" };
  for (const [deviceId, { current }] of record.devices) {
    if (current === undefined) continue;
    const { session } = current;
    if ("graceOf" in due) {
      if (current.state !== "grace" || deviceId !== due.graceOf) continue;
      const after = clearCurrent(record, deviceId, session, "ended", "CONNECTION_LOST", moment, rules);
      return { kind: "expired", deviceId, session, ...after };
    }
    if (current.state !== "live" || sessionIdOf(session) !== due.sessionId) continue;
    if (due.deviceId !== undefined && due.deviceId !== deviceId) continue;
    if (current.leaseId !== undefined) continue;
    const heartbeatMs = nowMs(moment) - Math.max(0, moment.clockMs - (deadlineMs - rules.ttlMs));
    const seen: UserRecord = { ...record, lastSeenMs: Math.max(record.lastSeenMs, heartbeatMs) };
    return {
      kind: "expired",
      deviceId,
      session,
      ...clearCurrent(seen, deviceId, session, "expired", "EXPIRED", moment, rules),
    };
  }
  return { kind: "stale" };
}

/** How sessions under a lease end that nobody ended: with it, or since nobody verified them any more. */
const leasedEndings = {
  lost: { ending: "expired", cause: "INSTANCE_LOST" },
  closed: { ending: "ended", cause: "CONNECTION_LOST" },
  unverified: { ending: "expired", cause: "EXPIRED" },
} as const satisfies Record<string, { readonly ending: Ending; readonly cause: TransitionCause }>;

/**
 * Takes down a session of a lease.
 * @param due `deviceId`: where the store knows it, as for DueMember
 * @param seenClockMs shard clock of its last sign of life
 */
export function decideLeasedEnd(
  record: UserRecord | undefined,
  due: { readonly sessionId: string; readonly leaseId: string; readonly deviceId?: string },
  how: keyof typeof leasedEndings,
  seenClockMs: number,
  moment: Moment,
  rules: Rules,
): ExpireDecision {
  if (record === undefined) return { kind: "stale" };
  for (const [deviceId, { current }] of record.devices) {
    if (current?.state !== "live" || current.leaseId !== due.leaseId) continue;
    if (sessionIdOf(current.session) !== due.sessionId) continue;
    if (due.deviceId !== undefined && due.deviceId !== deviceId) continue;
    const { session } = current;
    const seenMs = nowMs(moment) - Math.max(0, moment.clockMs - seenClockMs);
    const seen: UserRecord = { ...record, lastSeenMs: Math.max(record.lastSeenMs, seenMs) };
    const { ending, cause } = leasedEndings[how];
    return {
      kind: "expired",
      deviceId,
      session,
      ...clearCurrent(seen, deviceId, session, ending, cause, moment, rules),
    };
  }
  return { kind: "stale" };
}
