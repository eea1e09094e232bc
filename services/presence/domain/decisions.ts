import { type Activity, decideActivity, firstActivity } from "./activity.ts";
import type { Refusal } from "./block.ts";
import type { LeaseState } from "./lease.ts";
import { type OrderClock, orderClockAt, readOrderClock } from "./order-clock.ts";
import { isUnproven, recoveringUntilMs } from "./recovery.ts";
import {
  type Device,
  type Ending,
  leastTimedOrder,
  parseSessionId,
  type Session,
  sessionIdOf,
  type Tombstone,
  type UserRecord,
} from "./session.ts";
import type { EndReason, TransitionCause } from "./transition.ts";

/**
 * What happens to a user's record when a session is registered, ended, revived or falls due. Pure: the record and the
 * time go in, what to store and what to tell comes out. The Redis scripts take the same decisions in Lua; the contract
 * suite and the model test hold the two together.
 */

/** The moment of a decision, read once. */
export interface Moment {
  /** Wall clock of the store, µs since 1970. */
  readonly nowUs: number;
  /** Shard clock, ms. */
  readonly clockMs: number;
  /** What orders are read from. */
  readonly orders: OrderClock;
  /** Orders and versions begin above this; 0 unless the shard began anew after a loss. */
  readonly beginUs: number;
  /** Shard clock, ms, when it did; undefined unless that was after a loss. */
  readonly beginClockMs: number | undefined;
}

export interface Rules {
  /** Time to live of a session without heartbeat, ms of shard clock. */
  readonly ttlMs: number;
  /** Time to live of a gateway's lease without heartbeat, ms of shard clock. */
  readonly leaseTtlMs: number;
  /** Time to live of a session under a lease that nobody verifies, ms of shard clock. */
  readonly leasedTtlMs: number;
  /** How long a lost connection's user stays online, ms of shard clock; 0 for no grace. */
  readonly graceMs: number;
  /** For how long ended sessions are remembered and unclear ones contested, ms of shard clock. */
  readonly memoryMs: number;
  /** Most tombstones of a device. */
  readonly deviceMaxTombstones: number;
  /** Most devices in a record. */
  readonly userMaxDevices: number;
  /** Claims of one user; as many cleared ones are remembered. */
  readonly userMaxClaims: number;
  /** Claims of one user that are set within a minute. */
  readonly minuteMaxClaims: number;
  /** Blocks that a shard holds before it takes no call more that may add some. */
  readonly shardMaxBlocks: number;
  /** Least age of a registration that counts, and most that orders may be ahead of their clock for that, ms. */
  readonly ageMinMs: number;
}

export const defaultRules: Rules = {
  ttlMs: 60_000,
  leaseTtlMs: 15_000,
  leasedTtlMs: 900_000,
  graceMs: 5_000,
  memoryMs: 120_000,
  deviceMaxTombstones: 8,
  userMaxDevices: 100,
  userMaxClaims: 8,
  minuteMaxClaims: 10,
  shardMaxBlocks: 10_000,
  ageMinMs: 1_000,
};

/** A transition without its version, which the store adds. */
export interface NewTransition {
  readonly online: boolean;
  readonly cause: TransitionCause;
  readonly deviceId: string;
  readonly instanceId: string;
}

export interface RegisterRequest {
  readonly deviceId: string;
  readonly instanceId: string;
  readonly connectionId: string;
  /** Parsed previous_session_id. */
  readonly previous: { readonly order: number; readonly connectionId: string } | undefined;
  /** How long ago the client was last known to be there, ms; 0: it is there. */
  readonly ageMs: number;
  /** The lease that the session is to be under. */
  readonly lease?: LeaseOfCall;
  /** Since when nobody uses the device, wall clock, ms; absent: it does not say. */
  readonly idleSinceMs?: number | undefined;
  /** By a block of the user, the device or the connection. */
  readonly refusal?: Refusal | undefined;
}

/** A lease that a call names, as the shard knows it. */
export interface LeaseOfCall {
  readonly id: string;
  /** undefined: it is not there. */
  readonly state: LeaseState | undefined;
  /** The gateway that opened it. */
  readonly instanceId: string;
}

/** An operator closed it. */
type Closed = { kind: "closed" } & Refusal;

type RegisterDecision =
  /** `replaced`: the session whose deadline goes. The new deadline is a TTL from now. */
  | {
      kind: "registered";
      record: UserRecord;
      session: Session;
      replaced: Device["current"];
      transition: NewTransition | undefined;
    }
  /** A repeated call: the session is there already; its deadline is extended, where the record says that it is. */
  | { kind: "repeated"; session: Session; record: UserRecord }
  | { kind: "lease-missing" | "lease-closed" }
  | Closed
  | { kind: "ended" }
  | { kind: "superseded" }
  | { kind: "too-many-devices" };

const noDevice: Device = { current: undefined, tombstones: [] };
const noRecord: UserRecord = { version: 0, online: false, lastSeenMs: 0, devices: new Map() };

export function decideRegister(
  before: UserRecord | undefined,
  request: RegisterRequest,
  moment: Moment,
  rules: Rules,
): RegisterDecision {
  const record = before ?? noRecord;
  const device = record.devices.get(request.deviceId) ?? noDevice;
  const { current } = device;
  const { lease } = request;
  if (lease?.state === "closed") return { kind: "lease-closed" };
  if (lease !== undefined && lease.state !== "open") return { kind: "lease-missing" };
  if (request.refusal !== undefined) return { kind: "closed", ...request.refusal };

  let comesBackAt = request.previous?.order;
  if (request.connectionId !== "") {
    const isSame = (session: Session) => session.connectionId === request.connectionId;
    if (current?.state === "live" && isSame(current.session)) {
      return { kind: "repeated", session: current.session, record: movedTo(lease, record, request.deviceId, device) };
    }
    if (current?.state === "grace" && isSame(current.session)) return { kind: "ended" };
    const tombstone = device.tombstones.find(isSame);
    if (tombstone?.ending === "ended") return { kind: "ended" };
    if (tombstone?.ending === "replaced") return { kind: "superseded" };
    // It expired. Perhaps a late duplicate of the first call: only its old order keeps it below later sessions (P7).
    comesBackAt ??= tombstone?.order;
  }

  const freshOrder = Math.max(readOrderClock(moment.orders, moment.nowUs), moment.beginUs, highestOrder(device) + 1);
  const itsOrder = comesBackAt ?? agedOrder(request.ageMs, freshOrder, moment, rules);
  // A previous_session_id from the future (of another store, or forged) must not hold the device for ever.
  const order = freeOrder(record, request, Math.min(itsOrder, freshOrder));
  if (isOutranked(device, { order, connectionId: request.connectionId })) return { kind: "superseded" };

  const roomy = makeRoom(record, request.deviceId, moment, rules);
  if (roomy === undefined) return { kind: "too-many-devices" };
  const contested = request.connectionId === "" && isUnclear(device, moment, rules);
  const session: Session = {
    order,
    connectionId: request.connectionId,
    instanceId: request.instanceId,
    contestedUntilMs: contested ? moment.clockMs + rules.memoryMs : 0,
  };
  const activity = firstActivity(request.idleSinceMs, toMs(moment.nowUs));
  return {
    kind: "registered",
    session,
    replaced: current,
    ...setCurrent(roomy, request.deviceId, session, lease?.id, activity, moment, rules),
  };
}

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

  const seen: UserRecord = { ...record, lastSeenMs: Math.max(record.lastSeenMs, toMs(moment.nowUs)) };
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
    const heartbeatMs = toMs(moment.nowUs) - Math.max(0, moment.clockMs - (deadlineMs - rules.ttlMs));
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
    const seenMs = toMs(moment.nowUs) - Math.max(0, moment.clockMs - seenClockMs);
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

/** The record with the device's session under this lease; without one it stays where it is. */
function movedTo(lease: LeaseOfCall | undefined, record: UserRecord, deviceId: string, device: Device): UserRecord {
  if (lease === undefined || device.current === undefined || device.current.leaseId === lease.id) return record;
  return withDevice(record, deviceId, { ...device, current: { ...device.current, leaseId: lease.id } });
}

/** The record after a live session said whether its device is used; the same one when that changes nothing. */
function withActivity(
  record: UserRecord,
  deviceId: string,
  device: Device,
  said: Activity | undefined,
  { nowUs }: Moment,
): UserRecord {
  const activity = said && device.current && decideActivity(device.current.activity, said, toMs(nowUs));
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
 * Where a registration that waited has its place: when its client was there. Orders ahead of their clock were given by what
 * did not know it, such as an earlier release: then an age says nothing.
 */
function agedOrder(ageMs: number, freshOrder: number, { nowUs, orders }: Moment, { ageMinMs }: Rules): number {
  const isKnown = ageMs >= ageMinMs && freshOrder <= readOrderClock(orders, nowUs) + ageMinMs * 1_000;
  return isKnown ? orderClockAt(orders, nowUs - ageMs * 1_000) : freshOrder;
}

/**
 * Of a session of whom nothing is known: below all that its device may come back with. It is another one each time, since
 * nodes remember which device it is of for longer than records do.
 */
function untimedOrder(record: UserRecord, heartbeat: Heartbeat, { nowUs }: Moment): number {
  return freeOrder(record, heartbeat, nowUs % leastTimedOrder);
}

/**
 * The lowest order from this one on that no session without connection_id of another device has, or had and may be
 * revived: their session_ids would be the same. Orders meet while the clock does not tell them apart.
 */
function freeOrder(
  record: UserRecord,
  { deviceId, connectionId = "" }: { readonly deviceId: string; readonly connectionId?: string },
  from: number,
): number {
  if (connectionId !== "") return from;
  const taken = new Set<number>();
  for (const [other, { current, tombstones }] of record.devices) {
    if (other === deviceId) continue;
    for (const session of current === undefined ? tombstones : [current.session, ...tombstones]) {
      if (session.connectionId === "") taken.add(session.order);
    }
  }
  let order = from;
  while (taken.has(order)) order += 1;
  return order;
}

function highestOrder(device: Device): number {
  let highest = device.current?.session.order ?? 0;
  for (const tombstone of device.tombstones) highest = Math.max(highest, tombstone.order);
  return highest;
}

/**
 * Whether another connection of the device registered later, or took this very session's place. A connection never
 * outranks itself: it has two orders when a call that registers it is carried out once more, after a loss.
 */
function isOutranked(device: Device, token: { order: number; connectionId: string }): boolean {
  const isItself = ({ connectionId }: Session) => connectionId !== "" && connectionId === token.connectionId;
  const outranks = (other: Session) => other.order > token.order && !isItself(other);
  if (device.current !== undefined && outranks(device.current.session)) return true;
  return device.tombstones.some(
    (other) =>
      outranks(other) ||
      (other.ending === "replaced" && other.order >= token.order && other.connectionId === token.connectionId),
  );
}

/** Whether a late Unregister without session_id could be meant for an earlier session of this device. */
function isUnclear(device: Device, moment: Moment, rules: Rules): boolean {
  if (device.current !== undefined || isUnproven(moment, rules)) return true;
  return device.tombstones.some((tombstone) => tombstone.endedAtMs + rules.memoryMs > moment.clockMs);
}

/** Makes the session the device's current one; the one that it replaces becomes a tombstone. */
function setCurrent(
  record: UserRecord,
  deviceId: string,
  session: Session,
  leaseId: string | undefined,
  activity: Activity | undefined,
  moment: Moment,
  rules: Rules,
): { record: UserRecord; transition: NewTransition | undefined } {
  const device = record.devices.get(deviceId) ?? noDevice;
  const sessionId = sessionIdOf(session);
  const others = device.tombstones.filter((tombstone) => sessionIdOf(tombstone) !== sessionId);
  const tombstones =
    device.current === undefined || sessionIdOf(device.current.session) === sessionId
      ? others
      : addTombstone(
          others,
          device.current.session,
          device.current.state === "grace" ? "ended" : "replaced",
          moment,
          rules,
        );
  const after = withDevice(record, deviceId, {
    current: {
      state: "live",
      session,
      ...(leaseId !== undefined && { leaseId }),
      ...(activity !== undefined && { activity }),
    },
    tombstones,
  });
  return {
    record: { ...after, online: true },
    transition: record.online
      ? undefined
      : { online: true, cause: "CONNECTED", deviceId, instanceId: session.instanceId },
  };
}

/** Takes the device's current session away: it becomes a tombstone. */
function clearCurrent(
  record: UserRecord,
  deviceId: string,
  session: Session,
  ending: Ending,
  cause: TransitionCause,
  moment: Moment,
  rules: Rules,
): { record: UserRecord; transition: NewTransition | undefined } {
  const tombstones = addTombstone(record.devices.get(deviceId)?.tombstones ?? [], session, ending, moment, rules);
  const after = withDevice(record, deviceId, { current: undefined, tombstones });
  if (isOnlineWithout(record, deviceId)) return { record: after, transition: undefined };
  return {
    record: { ...after, online: false },
    transition: { online: false, cause, deviceId, instanceId: session.instanceId },
  };
}

/** Whether another device has a session. */
function isOnlineWithout(record: UserRecord, deviceId: string): boolean {
  for (const [other, { current }] of record.devices) if (other !== deviceId && current !== undefined) return true;
  return false;
}

/** Adds a tombstone in front. Drops those that are older than the memory or too many, never the new one. */
function addTombstone(
  tombstones: readonly Tombstone[],
  session: Session,
  ending: Ending,
  moment: Moment,
  rules: Rules,
): Tombstone[] {
  const recent = tombstones.filter((tombstone) => tombstone.endedAtMs + rules.memoryMs > moment.clockMs);
  const fresh: Tombstone = { ...session, ending, endedAtMs: moment.clockMs };
  return [fresh, ...recent].slice(0, rules.deviceMaxTombstones);
}

/** Drops devices that are only remembered, for longer than the memory, when a new one would be too many. */
function makeRoom(record: UserRecord, deviceId: string, moment: Moment, rules: Rules): UserRecord | undefined {
  if (record.devices.size < rules.userMaxDevices || record.devices.has(deviceId)) return record;
  const devices = new Map(
    [...record.devices].filter(
      ([, { current, tombstones }]) =>
        current !== undefined || tombstones.some(({ endedAtMs }) => endedAtMs + rules.memoryMs > moment.clockMs),
    ),
  );
  return devices.size < rules.userMaxDevices ? { ...record, devices } : undefined;
}

function withDevice(record: UserRecord, deviceId: string, device: Device): UserRecord {
  return { ...record, devices: new Map(record.devices).set(deviceId, device) };
}

function toMs(nowUs: number): number {
  return Math.floor(nowUs / 1000);
}
