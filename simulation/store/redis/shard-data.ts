import type { Block } from "../../../services/presence/domain/block.ts";
import type { LogEntry } from "../../../services/presence/domain/log-entry.ts";
import { newOrderClock, type OrderClock } from "../../../services/presence/domain/order-clock.ts";
import type { ShardOrigin } from "../../../services/presence/domain/recovery.ts";
import { type Device, sessionIdOf, type UserRecord } from "../../../services/presence/domain/session.ts";
import type { ShardClock } from "../../../services/presence/domain/shard-clock.ts";
import type { KnownLease } from "../../../services/presence/store/memory/shard/lease-table.ts";
import { sessionMember } from "../../../services/presence/store/redis/keys.ts";

/** What a server holds of a shard. What its maps and its log hold is never changed in place, so that a copy is shallow. */
export interface ShardData {
  clock: ShardClock | undefined;
  origin: Omit<ShardOrigin, "lastVersion"> | undefined;
  begin: number;
  beginClockMs: number | undefined;
  orders: OrderClock;
  restated: number;
  /** The version at which it began with nothing; 0: it did not. */
  dataSince: number;
  fence: number;
  holder: { readonly nodeId: string; readonly untilMs: number } | undefined;
  readonly cursors: Map<string, number>;
  readonly records: Map<string, UserRecord>;
  /** By member: sessions under no lease, and graces. */
  readonly deadlines: Map<string, Deadline>;
  /** None of these is earlier, shard clock, ms. */
  noneDueBeforeMs: number;
  /** By member: sessions under a lease. */
  readonly leased: Map<string, LeasedDeadline>;
  readonly leases: Map<string, KnownLease>;
  /** By subject: see domain/block.ts. */
  readonly blocks: Map<string, Block>;
  /** By user: when a tick has to look at the user's claims, wall clock, ms. */
  readonly claimTurns: Map<string, number>;
  log: LogEntry[];
  lastVersion: number;
  /** Version of the newest entry that was trimmed away. */
  goneVersion: number;
}

interface Deadline {
  readonly userId: string;
  readonly due: { readonly sessionId: string } | { readonly graceOf: string };
  /** Shard clock, ms. */
  readonly atMs: number;
}

export interface LeasedDeadline {
  readonly userId: string;
  readonly sessionId: string;
  readonly leaseId: string;
  /** Its own, shard clock, ms. */
  readonly atMs: number;
}

export function emptyShard(): ShardData {
  return {
    clock: undefined,
    origin: undefined,
    begin: 0,
    beginClockMs: undefined,
    orders: newOrderClock,
    restated: 0,
    dataSince: 0,
    fence: 0,
    holder: undefined,
    cursors: new Map(),
    records: new Map(),
    deadlines: new Map(),
    noneDueBeforeMs: Number.POSITIVE_INFINITY,
    leased: new Map(),
    leases: new Map(),
    blocks: new Map(),
    claimTurns: new Map(),
    log: [],
    lastVersion: 0,
    goneVersion: 0,
  };
}

export function copyOf(shard: ShardData): ShardData {
  const { cursors, records, deadlines, leased, leases, blocks, claimTurns, log } = shard;
  return {
    ...shard,
    cursors: new Map(cursors),
    records: new Map(records),
    deadlines: new Map(deadlines),
    leased: new Map(leased),
    leases: new Map(leases),
    blocks: new Map(blocks),
    claimTurns: new Map(claimTurns),
    log: [...log],
  };
}

/** Of a session that begins, lives on, or is put under another lease. Never back, where it stays. */
export function setSessionDeadline(
  data: ShardData,
  userId: string,
  sessionId: string,
  leaseId: string | undefined,
  atMs: number,
): void {
  const { deadlines, leased } = data;
  const member = sessionMember(userId, sessionId);
  const before = leaseId === undefined ? deadlines.get(member) : leased.get(member);
  const laterMs = Math.max(before?.atMs ?? atMs, atMs);
  dropDeadline(data, member);
  if (leaseId === undefined) setDeadline(data, member, { userId, due: { sessionId }, atMs: laterMs });
  else leased.set(member, { userId, sessionId, leaseId, atMs: laterMs });
}

export function setGraceDeadline(data: ShardData, userId: string, deviceId: string, atMs: number): void {
  setDeadline(data, graceMember(userId, deviceId), { userId, due: { graceOf: deviceId }, atMs });
}

function setDeadline(data: ShardData, member: string, deadline: Deadline): void {
  data.deadlines.set(member, deadline);
  data.noneDueBeforeMs = Math.min(data.noneDueBeforeMs, deadline.atMs);
}

/** @returns the deadline that was dropped */
export function dropDeadline({ deadlines, leased }: ShardData, member: string): number | undefined {
  const dropped = deadlines.get(member) ?? leased.get(member);
  deadlines.delete(member);
  leased.delete(member);
  return dropped?.atMs;
}

/** Under which the deadline is of what a device has. */
export function memberOf(userId: string, deviceId: string, current: NonNullable<Device["current"]>): string {
  return current.state === "grace"
    ? graceMember(userId, deviceId)
    : sessionMember(userId, sessionIdOf(current.session));
}

function graceMember(userId: string, deviceId: string): string {
  return `${userId}\0\0${deviceId}`;
}
