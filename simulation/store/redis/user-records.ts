import { decideUnregister } from "../../../services/presence/domain/change/unregister.ts";
import { isDeviceChange } from "../../../services/presence/domain/device-change.ts";
import { invariant } from "../../../services/presence/domain/invariant.ts";
import { supersededNotice } from "../../../services/presence/domain/lease-notice.ts";
import type { Moment } from "../../../services/presence/domain/moment.ts";
import {
  type Device,
  type SessionRef,
  sessionIdOf,
  type UserRecord,
} from "../../../services/presence/domain/session.ts";
import { decideStatusChange, statusIn } from "../../../services/presence/domain/status-change.ts";
import type { EndReason, NewTransition, Transition } from "../../../services/presence/domain/transition.ts";
import type { UnregisterResult } from "../../../services/presence/store/store.ts";
import type { ServerShard } from "./server-shard.ts";
import { dropDeadline, memberOf, setGraceDeadline, setSessionDeadline } from "./shard-data.ts";

/** What becomes of a user's record. */
interface Committed {
  readonly record: UserRecord;
  readonly transition?: NewTransition | undefined;
}

/** A session has the device from now on. @returns the user's version */
export function beginSession(
  shard: ServerShard,
  userId: string,
  deviceId: string,
  decision: Committed & { readonly replaced: Device["current"] },
  moment: Moment,
): number {
  const { data } = shard;
  const { replaced } = decision;
  if (replaced !== undefined) dropDeadline(data, memberOf(userId, deviceId, replaced));
  const notice = supersededNotice(userId, deviceId, replaced);
  const version = commit(shard, userId, deviceId, decision);
  goOn(shard, userId, deviceId, data.records.get(userId) as UserRecord, moment);
  if (notice !== undefined) shard.leaseNotice(notice);
  return version;
}

/** Extends the device's live session where the record says that it is. */
export function goOn(
  { data, rules }: ServerShard,
  userId: string,
  deviceId: string,
  record: UserRecord,
  moment: Moment,
): void {
  const current = record.devices.get(deviceId)?.current;
  invariant(current !== undefined, "a session that goes on is its device's");
  const { session, leaseId } = current;
  data.records.set(userId, record);
  const atMs = moment.clockMs + (leaseId === undefined ? rules.ttlMs : rules.leasedTtlMs);
  setSessionDeadline(data, userId, sessionIdOf(session), leaseId, atMs);
}

export function endSession(
  shard: ServerShard,
  ending: SessionRef & { readonly reason: EndReason },
  moment: Moment,
): UnregisterResult {
  const { data, rules } = shard;
  const { userId, deviceId } = ending;
  const record = data.records.get(userId);
  const decision = decideUnregister(record, ending, moment, rules);
  if (decision.kind === "left-alone") return { kind: decision.why };
  const current = record?.devices.get(deviceId)?.current;
  const beforeMs = current && dropDeadline(data, memberOf(userId, deviceId, current));
  commit(shard, userId, deviceId, decision);
  if (decision.kind === "ended") return { kind: "ended" };
  const atMs = Math.max(decision.earliestMs, Math.min(beforeMs ?? Number.POSITIVE_INFINITY, decision.latestMs));
  setGraceDeadline(data, userId, deviceId, atMs);
  return { kind: "grace" };
}

/** @returns the user's version */
export function commit(
  shard: ServerShard,
  userId: string,
  deviceId: string,
  { record, transition }: Committed,
): number {
  const { records } = shard.data;
  const isOther = transition === undefined && isDeviceChange(records.get(userId), record, deviceId);
  const told = tell(shard, userId, record, { transition });
  records.set(userId, told);
  if (isOther) shard.devicesChanged(userId);
  return told.version;
}

/**
 * Logs the transition, or that the user has another status, if either is so: the log goes first, as in every store.
 * @param record as it is to be
 * @param how.leastVersion that the entry has
 * @returns it, with its version
 */
export function tell(
  shard: ServerShard,
  userId: string,
  record: UserRecord,
  how: { readonly transition?: NewTransition | undefined; readonly leastVersion?: number } = {},
): UserRecord {
  const { records, begin } = shard.data;
  const before = records.get(userId);
  const change = how.transition ?? (before === record ? undefined : decideStatusChange(before, record, begin));
  if (change === undefined) return record;
  const lastSeenMs = change.online ? 0 : record.lastSeenMs;
  const about = { userId, ...change, lastSeenMs, shard: shard.number, ...statusOfEntry(record) };
  const version = shard.append((next) => ({ ...about, version: next }), how.leastVersion);
  return { ...record, version };
}

/** What a log entry says of it. */
export function statusOfEntry(record: UserRecord): Pick<Transition, "status"> {
  const status = statusIn(record);
  return status === undefined ? {} : { status };
}
