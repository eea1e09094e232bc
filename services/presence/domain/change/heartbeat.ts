import { type Activity, decideActivity } from "../activity.ts";
import type { Refusal } from "../block.ts";
import type { LeaseOfCall } from "../lease.ts";
import { type Moment, nowMs } from "../moment.ts";
import { isUnproven } from "../recovery.ts";
import type { Rules } from "../rules.ts";
import {
  type Device,
  leastTimedOrder,
  parseSessionId,
  type Session,
  sessionIdOf,
  type UserRecord,
} from "../session.ts";
import type { NewTransition } from "../transition.ts";
import { makeRoom, movedTo, noRecord, setCurrent, withDevice } from "./devices.ts";
import { freeOrder, isOutranked } from "./orders.ts";
import { type Closed, decideRegister } from "./register.ts";

interface Heartbeat {
  readonly deviceId: string;
  /** Empty for a legacy caller. */
  readonly sessionId: string;
  /** The gateway that is taken for its sender where the record knows none. */
  readonly instanceId: string;
  /** The lease under which the session is verified; it has a session_id with a connection_id then. */
  readonly lease?: LeaseOfCall;
  /** What the session says of it; only with a session_id. */
  readonly activity?: Activity | undefined;
  /** By a block of the user, the device or the session's connection. */
  readonly refusal?: Refusal | undefined;
}

type HeartbeatDecision =
  /** Its deadline is extended, where the record says that it is. */
  | { kind: "live"; sessionId: string; record: UserRecord }
  | {
      kind: "revived";
      record: UserRecord;
      session: Session;
      replaced: Device["current"];
      transition: NewTransition | undefined;
    }
  /** `record`: what is to be remembered from now on, if that is another thing. */
  | { kind: "missing"; record?: UserRecord | undefined }
  | (Closed & { record?: UserRecord | undefined })
  /** Replaced by a newer session; or, without session_id, the device's session belongs to a caller with tokens. */
  | { kind: "superseded" };

/** Whose heartbeat it is that found no deadline under its session_id, or came without one. */
export function decideHeartbeat(
  before: UserRecord | undefined,
  heartbeat: Heartbeat,
  moment: Moment,
  rules: Rules,
): HeartbeatDecision {
  const record = before ?? noRecord;
  const { deviceId, sessionId, lease, refusal } = heartbeat;
  const device = record.devices.get(deviceId);
  const current = device?.current;
  if (lease !== undefined && lease.state !== "open") return { kind: "missing" };
  if (sessionId !== "") {
    if (current?.state === "live" && device !== undefined && sessionIdOf(current.session) === sessionId) {
      const said = withActivity(record, deviceId, device, heartbeat.activity, moment);
      return { kind: "live", sessionId, record: movedTo(lease, said, deviceId, said.devices.get(deviceId) ?? device) };
    }
    if (refusal !== undefined) return { kind: "closed", ...refusal };
    if (lease !== undefined) return restore(before, heartbeat, lease, moment, rules);
    const token = parseSessionId(sessionId);
    const isOld = token !== undefined && device !== undefined && isOutranked(device, token);
    return { kind: isOld ? "superseded" : "missing" };
  }
  if (current?.state === "live") {
    if (current.session.connectionId !== "") return { kind: "superseded" };
    return { kind: "live", sessionId: sessionIdOf(current.session), record };
  }
  const known = revivable(device, moment, rules);
  const remembered = known === "gone" ? stillMeant(record, deviceId, moment) : undefined;
  if (refusal !== undefined) return { kind: "closed", ...refusal, record: remembered };
  if (known === "gone") return { kind: "missing", record: remembered };
  const roomy = makeRoom(record, deviceId, moment, rules);
  if (roomy === undefined) return { kind: "missing" };
  const { order, instanceId } = known ?? {
    order: untimedOrder(roomy, heartbeat, moment),
    instanceId: heartbeat.instanceId,
  };
  const session: Session = {
    order,
    connectionId: "",
    instanceId,
    contestedUntilMs: moment.clockMs + rules.memoryMs,
  };
  const replaced = device?.current;
  const revived = setCurrent(roomy, deviceId, session, undefined, undefined, moment, rules);
  return { kind: "revived", session, replaced, ...revived };
}

/** A session that is verified and gone: registered again, as its gateway would do next. */
function restore(
  before: UserRecord | undefined,
  { deviceId, sessionId }: Heartbeat,
  lease: LeaseOfCall,
  moment: Moment,
  rules: Rules,
): HeartbeatDecision {
  const previous = parseSessionId(sessionId);
  if (previous === undefined) return { kind: "missing" };
  const { connectionId } = previous;
  const request = { deviceId, instanceId: lease.instanceId, connectionId, previous, ageMs: 0, lease };
  const decision = decideRegister(before, request, moment, rules);
  switch (decision.kind) {
    case "registered":
      // By another session_id its gateway would not know it: to register again tells which.
      return decision.session.order === previous.order ? { ...decision, kind: "revived" } : { kind: "missing" };
    case "ended":
    case "superseded":
      return { kind: "superseded" };
    // Its connection may live by another session_id: likewise.
    default:
      return { kind: "missing" };
  }
}

/** The record after a live session said whether its device is used; the same one when that changes nothing. */
function withActivity(
  record: UserRecord,
  deviceId: string,
  device: Device,
  said: Activity | undefined,
  moment: Moment,
): UserRecord {
  const activity = said && device.current && decideActivity(device.current.activity, said, nowMs(moment));
  if (activity === undefined || device.current === undefined) return record;
  return withDevice(record, deviceId, { ...device, current: { ...device.current, activity } });
}

/**
 * What a heartbeat without session_id brings back: its caller is alive and will never register again by itself, since
 * legacy callers ignore the answers to their heartbeats. After a loss that is also what the record says ended before
 * the begin: a registration that came after it may be among what was lost.
 * @returns undefined when nothing is known of a session without connection_id; "gone" when it may not come back
 */
function revivable(device: Device | undefined, moment: Moment, rules: Rules): Session | undefined | "gone" {
  if (device === undefined) return undefined;
  const { current, tombstones } = device;
  if (current !== undefined) {
    const isLost = isUnproven(moment, rules) && current.session.connectionId === "";
    return isLost ? current.session : "gone";
  }
  const last = tombstones[0];
  if (last === undefined) return undefined;
  const isLost = isUnproven(moment, rules) && last.endedAtMs < (moment.beginClockMs ?? 0);
  const isKnown = last.connectionId === "";
  if (!isLost && !(isKnown && last.ending === "expired")) return "gone";
  return isKnown ? last : undefined;
}

/**
 * Whoever sends heartbeats without session_id for what is gone, as legacy callers do after an operator closed it, may send an end
 * as well, at any time. As long as they come it may be meant for what was: see isUnclear.
 */
function stillMeant(record: UserRecord, deviceId: string, { clockMs }: Moment): UserRecord | undefined {
  const device = record.devices.get(deviceId);
  const [last, ...others] = device?.tombstones ?? [];
  if (device === undefined || device.current !== undefined || last === undefined) return undefined;
  return withDevice(record, deviceId, { ...device, tombstones: [{ ...last, endedAtMs: clockMs }, ...others] });
}

/**
 * Of a session of whom nothing is known: below all that its device may come back with. It is another one each time, since
 * nodes remember which device it is of for longer than records do.
 */
function untimedOrder(record: UserRecord, heartbeat: Heartbeat, { nowUs }: Moment): number {
  return freeOrder(record, heartbeat, nowUs % leastTimedOrder);
}
