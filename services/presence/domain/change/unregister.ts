import { type Moment, nowMs } from "../moment.ts";
import { isUnproven, recoveringUntilMs } from "../recovery.ts";
import type { Rules } from "../rules.ts";
import { type Device, type Session, sessionIdOf, type UserRecord } from "../session.ts";
import type { EndReason, NewTransition, TransitionCause } from "../transition.ts";
import { clearCurrent, isOnlineWithout, withDevice } from "./devices.ts";

interface UnregisterRequest {
  readonly deviceId: string;
  /** Empty for a legacy caller. */
  readonly sessionId: string;
  readonly reason: EndReason;
}

type UnregisterDecision =
  | {
      kind: "ended";
      record: UserRecord;
      session: Session;
      was: "live" | "grace";
      transition: NewTransition | undefined;
    }
  /**
   * The session's deadline becomes the earlier of what it was and `latestMs`, but not earlier than `earliestMs`, under
   * the grace member. Shard clock.
   */
  | { kind: "grace"; record: UserRecord; session: Session; latestMs: number; earliestMs: number }
  /** Not this caller's session, or contested: nothing changes. */
  | { kind: "left-alone"; why: "absent" | "fenced" | "contested" };

export function decideUnregister(
  record: UserRecord | undefined,
  request: UnregisterRequest,
  moment: Moment,
  rules: Rules,
): UnregisterDecision {
  const device = record?.devices.get(request.deviceId);
  if (record === undefined || device?.current === undefined) return { kind: "left-alone", why: "absent" };
  const { state, session } = device.current;
  if (request.sessionId === "") {
    if (session.connectionId !== "") return { kind: "left-alone", why: "fenced" };
    // After a loss, the session that the call means may have been another one than this.
    if (session.contestedUntilMs > moment.clockMs || isUnproven(moment, rules)) {
      return { kind: "left-alone", why: "contested" };
    }
  } else if (request.sessionId !== sessionIdOf(session)) {
    return { kind: "left-alone", why: "fenced" };
  }

  const seen: UserRecord = { ...record, lastSeenMs: Math.max(record.lastSeenMs, nowMs(moment)) };
  const lost = request.reason === "CONNECTION_LOST" || request.reason === "SERVER_DRAIN";
  if (lost && state === "grace") return { kind: "left-alone", why: "absent" };
  // Another device of the user may not be back yet: while the shard recovers, nobody goes offline.
  const untilMs = recoveringUntilMs(moment, rules);
  const isKept = moment.clockMs < untilMs && !isOnlineWithout(record, request.deviceId);
  if (isKept && state === "grace") {
    return { kind: "grace", session, record, latestMs: Number.POSITIVE_INFINITY, earliestMs: untilMs };
  }
  if (isKept || (lost && rules.graceMs > 0)) {
    const { leaseId: _, ...current } = device.current;
    const waiting: Device = { ...device, current: { ...current, state: "grace" } };
    const latestMs = moment.clockMs + (lost ? rules.graceMs : 0);
    const after = withDevice(seen, request.deviceId, waiting);
    return { kind: "grace", session, record: after, latestMs, earliestMs: isKept ? untilMs : 0 };
  }
  const cause = endCauses[request.reason];
  return {
    kind: "ended",
    session,
    was: state,
    ...clearCurrent(state === "grace" ? record : seen, request.deviceId, session, "ended", cause, moment, rules),
  };
}

const endCauses = {
  UNSPECIFIED: "DISCONNECTED",
  LOGGED_OUT: "LOGGED_OUT",
  CONNECTION_LOST: "CONNECTION_LOST",
  SERVER_DRAIN: "CONNECTION_LOST",
  FORCED: "FORCED",
} as const satisfies Record<EndReason, TransitionCause>;
