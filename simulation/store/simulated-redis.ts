import {
  decideExpire,
  decideHeartbeat,
  decideRegister,
  decideUnregister,
  type Moment,
  type NewTransition,
  type Rules,
} from "../../services/presence/domain/decisions.ts";
import { isDeviceChange } from "../../services/presence/domain/device-change.ts";
import { isTooLate, type TwoClocks } from "../../services/presence/domain/late-change.ts";
import type { LogEntry } from "../../services/presence/domain/log-entry.ts";
import {
  newOrderClock,
  type OrderClock,
  type OrderReading,
  readOrderClock,
  tickOrderClock,
} from "../../services/presence/domain/order-clock.ts";
import {
  type BeginReason,
  beginLeadUs,
  beginOf,
  recoveringUntilMs,
  type ShardOrigin,
  type Witness,
  whyBegin,
} from "../../services/presence/domain/recovery.ts";
import { decideRestate } from "../../services/presence/domain/restating.ts";
import { parseSessionId, sessionIdOf, type UserRecord } from "../../services/presence/domain/session.ts";
import {
  readShardClock,
  type ShardClock,
  tickCapMs,
  tickShardClock,
} from "../../services/presence/domain/shard-clock.ts";
import { nextVersion } from "../../services/presence/domain/version.ts";
import type {
  Heartbeat,
  LogListener,
  PublisherLease,
  RefreshResult,
  RegisterResult,
  Registration,
  RestateDuty,
  SessionEnding,
  Tick,
  UnregisterResult,
} from "../../services/presence/store/store.ts";
import type { Machine } from "../time/machine.ts";

/** Published entries stay in the log this long for watchers, ms. */
const watchersMs = 60_000;
const logMaxEntries = 10_000;

/** What a server holds of a shard. Records and log entries are never changed in place, so that a copy is shallow. */
interface Shard {
  clock: ShardClock | undefined;
  origin: Omit<ShardOrigin, "lastVersion"> | undefined;
  begin: number;
  beginClockMs: number | undefined;
  orders: OrderClock;
  restated: number;
  fence: number;
  holder: { readonly nodeId: string; readonly untilMs: number } | undefined;
  readonly cursors: Map<string, number>;
  readonly records: Map<string, UserRecord>;
  /** By member, ms of shard clock. */
  readonly deadlines: Map<string, Deadline>;
  log: LogEntry[];
  lastVersion: number;
  /** Version of the newest entry that was trimmed away. */
  goneVersion: number;
}

interface Deadline {
  readonly userId: string;
  readonly due: { readonly sessionId: string } | { readonly graceOf: string };
  atMs: number;
}

/** What a server holds, as of some moment. */
interface Snapshot {
  readonly runId: string;
  readonly shards: readonly Shard[];
}

interface TickArgs {
  readonly limit: number;
  readonly reckonedMs: number;
  readonly reckonedUs: number;
  readonly witness: Witness;
  readonly fresh: string;
  readonly advance: "never" | "unless-missing" | "always";
  readonly kept: readonly { readonly member: string; readonly reckonedMs: number | undefined }[];
}

export interface TickReply extends OrderReading {
  readonly tick: Tick;
  readonly incarnation: string;
  readonly begun: BeginReason | undefined;
  readonly isAdvanced: boolean;
  readonly missing: readonly number[];
}

/** A shard's clock was never started, or is lost: a tick has to come first. */
export class NoClock extends Error {
  override readonly name = "NoClock";
}

/** A change was carried out too late, and changed nothing. */
export class TooLate extends Error {
  override readonly name = "TooLate";
}

export function sessionMember(userId: string, sessionId: string): string {
  return `${userId}\0${sessionId}`;
}

/**
 * A Redis that holds presence's shards and may lose them: what the scripts do, each method one script, on the pure
 * domain. Memory, one thread, and the wall clock of its machine.
 */
export class SimulatedRedis {
  readonly machine: Machine;
  readonly shardCount: number;
  readonly #rules: Rules;
  readonly #capMs: number;
  readonly #nodes = new Map<string, number>();
  readonly #listeners: Set<LogListener>[];
  #shards: Shard[];
  #runId: string;
  #replicationId: string;
  /** Hears of every entry, at the moment when it is written. */
  onEntry: (entry: LogEntry) => void = () => {};
  /** Hears that all shards have to begin anew, or may have to; and that one does, before it writes so. */
  onLoss: (mustBegin: boolean) => void = () => {};
  onBegin: (shard: number, reason: BeginReason) => void = () => {};

  /** Hears of every tick, when it is done. */
  onTick: (shard: number) => void = () => {};

  constructor(machine: Machine, shardCount: number, rules: Rules) {
    this.machine = machine;
    this.shardCount = shardCount;
    this.#rules = rules;
    this.#capMs = tickCapMs(rules.ttlMs);
    this.#shards = emptyShards(shardCount);
    this.#listeners = Array.from({ length: shardCount }, () => new Set());
    this.#runId = this.#randomId();
    this.#replicationId = this.#randomId();
  }

  /** What a replica, or a file, has. */
  snapshot(): Snapshot {
    return { runId: this.#runId, shards: this.#shards.map(copyOf) };
  }

  /** FLUSHALL. */
  flush(): void {
    this.#shards = emptyShards(this.shardCount);
    this.onLoss(true);
  }

  /** Another process answers, with these data: a restart, or a replica that was promoted. */
  become(snapshot: Snapshot | undefined): void {
    this.#shards = snapshot === undefined ? emptyShards(this.shardCount) : snapshot.shards.map(copyOf);
    this.#runId = this.#randomId();
    this.#nodes.clear();
    this.onLoss(true);
  }

  /** The process that had these data answers again, and has not changed since: a fail-over back to it. */
  resume({ runId, shards }: Snapshot): void {
    this.#shards = shards.map(copyOf);
    this.#runId = runId;
    this.onLoss(false);
  }

  /** Whether a begin on these data, with a clock that much behind, is above all that was written since by its lead alone. */
  isWithinLead(snapshot: Snapshot, behindMs: number): boolean {
    const nowUs = this.machine.nowUs() - behindMs * 1_000;
    return this.#shards.every(({ lastVersion }, shard) => {
      return lastVersion < Math.max(nowUs, snapshot.shards[shard]?.lastVersion ?? 0) + beginLeadUs;
    });
  }

  /** A shard's clock as a tick left it, ms. */
  clockMs(shard: number): number {
    return this.#shard(shard).clock?.clockMs ?? 0;
  }

  /** Shard clock until which it recovers, ms. */
  recoveringUntilMs(shard: number): number {
    const { beginClockMs } = this.#shard(shard);
    return recoveringUntilMs({ clockMs: this.clockMs(shard), beginClockMs }, this.#rules);
  }

  tick(shard: number, args: TickArgs): TickReply {
    const data = this.#shard(shard);
    const nowMs = this.#nowMs;
    const begun = this.#beginIfUnproven(shard, data, args);
    data.orders = tickOrderClock(data.orders, {
      nowUs: this.machine.nowUs(),
      reckonedUs: args.reckonedUs,
      begunUs: begun === undefined ? 0 : data.begin,
      toleranceUs: this.#rules.ageMinMs * 1_000,
    });
    const clock = data.clock as ShardClock;
    const before = readShardClock(clock, nowMs, this.#capMs);
    const missing = this.#extendKept(data, args.kept, before);
    const isAdvanced =
      args.advance === "always" || (args.advance === "unless-missing" && missing.length === 0) || begun !== undefined;
    if (isAdvanced && begun === undefined) data.clock = tickShardClock(clock, nowMs, this.#capMs);
    const moment = this.#moment(data);
    const recoveringMs = Math.max(0, recoveringUntilMs(moment, this.#rules) - moment.clockMs);
    const expired = isAdvanced && recoveringMs === 0 ? this.#expire(shard, data, moment, args.limit) : 0;
    const tick: Tick = {
      clockMs: moment.clockMs,
      expired,
      failed: 0,
      lagMs: 0,
      lastVersion: data.lastVersion,
      sessions: data.deadlines.size,
      usersOnline: 0,
      leased: 0,
      leases: 0,
      blocks: 0,
      logLength: data.log.length,
      begin: data.begin,
      recoveringMs,
      isRestated: data.restated >= data.begin,
    };
    const { incarnation } = data.origin as NonNullable<Shard["origin"]>;
    this.onTick(shard);
    const { nowUs } = moment;
    const { aheadUs } = data.orders;
    const orderUs = readOrderClock(data.orders, nowUs);
    return { tick, incarnation, begun, isAdvanced, missing, nowUs, aheadUs, orderUs };
  }

  /** ZADD XX GT CH. @returns how many have a later deadline than before */
  extend(shard: number, members: readonly string[], deadlineMs: number): number {
    const { deadlines } = this.#shard(shard);
    let changed = 0;
    for (const member of members) {
      const deadline = deadlines.get(member);
      if (deadline === undefined || deadline.atMs >= deadlineMs) continue;
      deadlines.set(member, { ...deadline, atMs: deadlineMs });
      changed++;
    }
    return changed;
  }

  present(shard: number, members: readonly string[]): boolean[] {
    return members.map((member) => this.#shard(shard).deadlines.has(member));
  }

  /** @param until of this and the next two: until when it counts; throws TooLate */
  heartbeat(
    shard: number,
    { userId, deviceId, sessionId, instanceId = "unknown-instance" }: Heartbeat,
    until: TwoClocks,
  ): RefreshResult {
    const data = this.#shard(shard);
    const moment = this.#momentInTime(data, until);
    const heartbeat = { deviceId, sessionId, instanceId };
    const decision = decideHeartbeat(data.records.get(userId), heartbeat, moment, this.#rules);
    if (decision.kind !== "live" && decision.kind !== "revived") return decision;
    const id = decision.kind === "live" ? decision.sessionId : sessionIdOf(decision.session);
    if (decision.kind === "revived") this.#commit(shard, data, userId, deviceId, decision, moment);
    this.#setDeadline(data, userId, { sessionId: id }, moment.clockMs + this.#rules.ttlMs);
    return { kind: "refreshed" };
  }

  register(shard: number, registration: Registration, until: TwoClocks): RegisterResult {
    const { userId, deviceId, instanceId, connectionId, ageMs = 0 } = registration;
    const data = this.#shard(shard);
    const moment = this.#momentInTime(data, until);
    const record = data.records.get(userId);
    const previous = parseSessionId(registration.previousSessionId);
    const request = { deviceId, instanceId, connectionId, previous, ageMs };
    const decision = decideRegister(record, request, moment, this.#rules);
    if (decision.kind !== "registered" && decision.kind !== "repeated") return decision;
    const sessionId = sessionIdOf(decision.session);
    let version = record?.version ?? 0;
    if (decision.kind === "registered") {
      if (decision.replaced !== undefined) data.deadlines.delete(memberOf(userId, deviceId, decision.replaced));
      version = this.#commit(shard, data, userId, deviceId, decision, moment);
    }
    this.#setDeadline(data, userId, { sessionId }, moment.clockMs + this.#rules.ttlMs);
    return { kind: decision.kind, sessionId, version };
  }

  unregister(shard: number, ending: SessionEnding, until: TwoClocks): UnregisterResult {
    const { userId, deviceId } = ending;
    const data = this.#shard(shard);
    const moment = this.#momentInTime(data, until);
    const decision = decideUnregister(data.records.get(userId), ending, moment, this.#rules);
    if (decision.kind === "left-alone") return { kind: decision.why };
    const current = data.records.get(userId)?.devices.get(deviceId)?.current;
    const member = current === undefined ? "" : memberOf(userId, deviceId, current);
    const beforeMs = data.deadlines.get(member)?.atMs ?? Number.POSITIVE_INFINITY;
    data.deadlines.delete(member);
    this.#commit(shard, data, userId, deviceId, decision, moment);
    if (decision.kind === "ended") return { kind: "ended" };
    const atMs = Math.max(decision.earliestMs, Math.min(beforeMs, decision.latestMs));
    this.#setDeadline(data, userId, { graceOf: deviceId }, atMs);
    return { kind: "grace" };
  }

  /** Records, and whose data they are. */
  read(
    shard: number,
    userIds: readonly string[],
  ): { records: (UserRecord | undefined)[]; incarnation: string | undefined } {
    const { records, origin } = this.#shard(shard);
    return { records: userIds.map((userId) => records.get(userId)), incarnation: origin?.incarnation };
  }

  userIds(shard: number): string[] {
    return [...this.#shard(shard).records.keys()];
  }

  lastVersion(shard: number): number {
    return this.#shard(shard).lastVersion;
  }

  readLog(shard: number, after: number, limit: number): { entries: LogEntry[]; gap: boolean } {
    const { log, goneVersion } = this.#shard(shard);
    const first = log.findIndex(({ version }) => version > after);
    return { entries: first === -1 ? [] : log.slice(first, first + limit), gap: after < goneVersion };
  }

  follow(shard: number, listener: LogListener): () => void {
    const listeners = this.#listeners[shard] as Set<LogListener>;
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** @returns undefined when begin or fence are no longer the shard's */
  restate(shard: number, { begin, fence }: RestateDuty): number | undefined {
    const data = this.#shard(shard);
    if (data.begin !== begin || data.fence !== fence) return undefined;
    let restated = 0;
    for (const [userId, record] of data.records) {
      const transition = decideRestate(record, begin);
      if (transition === undefined) continue;
      const version = this.#append(shard, data, (next) => ({
        userId,
        ...transition,
        version: next,
        lastSeenMs: 0,
        shard,
      }));
      data.records.set(userId, { ...record, version });
      restated++;
    }
    return restated;
  }

  completeRestating(shard: number, { begin, fence }: RestateDuty): boolean {
    const data = this.#shard(shard);
    if (data.begin !== begin || data.fence !== fence) return false;
    if (data.restated < begin) {
      this.#append(shard, data, (version) => ({ mark: "complete", shard, version, begin }));
      data.restated = begin;
    }
    return true;
  }

  beginRestating(shard: number, fence: number): number | undefined {
    const data = this.#shard(shard);
    if (data.fence !== fence) return undefined;
    data.begin = this.#append(shard, data, (version) => ({ mark: "begin", shard, version }));
    return data.begin;
  }

  announceNode(nodeId: string, ttlMs: number): number {
    const nowMs = this.machine.monotonicMs();
    this.#nodes.set(nodeId, nowMs + ttlMs);
    for (const [id, untilMs] of this.#nodes) if (untilMs <= nowMs) this.#nodes.delete(id);
    return this.#nodes.size;
  }

  withdrawNode(nodeId: string): void {
    this.#nodes.delete(nodeId);
  }

  claim(shard: number, nodeId: string, leaseMs: number): PublisherLease | undefined {
    const data = this.#shard(shard);
    const nowMs = this.machine.monotonicMs();
    if (data.origin === undefined) return undefined;
    const isHeld = data.holder !== undefined && data.holder.untilMs > nowMs;
    if (isHeld && data.holder?.nodeId !== nodeId) return undefined;
    if (!isHeld) data.fence += 1;
    data.holder = { nodeId, untilMs: nowMs + leaseMs };
    return { fence: data.fence, begin: data.begin, cursors: Object.fromEntries(data.cursors) };
  }

  release(shard: number, nodeId: string): void {
    const data = this.#shard(shard);
    if (data.holder?.nodeId === nodeId) data.holder = undefined;
  }

  advance(shard: number, fence: number, cursors: Readonly<Record<string, number>>): boolean {
    const data = this.#shard(shard);
    if (data.fence !== fence) return false;
    let passed = data.lastVersion;
    for (const [name, version] of Object.entries(cursors)) {
      const cursor = Math.max(version, data.cursors.get(name) ?? 0);
      data.cursors.set(name, cursor);
      passed = Math.min(passed, cursor);
    }
    const below = Math.min(passed, Math.max(this.machine.nowUs(), data.lastVersion) - watchersMs * 1_000);
    const kept = data.log.findIndex(({ version }) => version >= below);
    if (kept > 0) {
      data.goneVersion = data.log[kept - 1]?.version ?? data.goneVersion;
      data.log = data.log.slice(kept);
    }
    return true;
  }

  #beginIfUnproven(shard: number, data: Shard, { witness, reckonedMs, fresh }: TickArgs): BeginReason | undefined {
    const server = { runId: this.#runId, replicationId: this.#replicationId };
    const { origin, begin, lastVersion } = data;
    const reason = whyBegin(
      data.clock === undefined ? undefined : origin === undefined ? "unproven" : { ...origin, lastVersion },
      server,
      witness,
    );
    if (reason === undefined) return undefined;
    this.onBegin(shard, reason);
    const nowMs = this.#nowMs;
    const clockMs = data.clock === undefined ? 0 : readShardClock(data.clock, nowMs, this.#capMs);
    data.begin = beginOf({ nowUs: this.machine.nowUs(), lastVersion, seenVersion: witness.version, begin });
    data.clock = { clockMs: Math.max(clockMs, reckonedMs) + 1, tickedAtMs: nowMs };
    data.beginClockMs = data.clock.clockMs;
    data.origin = { ...server, incarnation: fresh, born: data.begin };
    data.fence = data.begin;
    data.holder = undefined;
    this.#write(shard, data, { mark: "begin", shard, version: data.begin });
    return reason;
  }

  #extendKept(data: Shard, kept: TickArgs["kept"], clockMs: number): number[] {
    const missing: number[] = [];
    for (const [index, { member, reckonedMs }] of kept.entries()) {
      const deadline = data.deadlines.get(member);
      if (deadline === undefined) {
        missing.push(index);
        continue;
      }
      const atMs = Math.min(reckonedMs ?? clockMs, clockMs) + this.#rules.ttlMs;
      if (atMs > deadline.atMs) data.deadlines.set(member, { ...deadline, atMs });
    }
    return missing;
  }

  #expire(shard: number, data: Shard, moment: Moment, limit: number): number {
    const due: [string, Deadline][] = [];
    for (const entry of data.deadlines) if (entry[1].atMs <= moment.clockMs) due.push(entry);
    if (due.length === 0) return 0;
    due.sort(([, one], [, other]) => one.atMs - other.atMs);
    const taken = due.slice(0, limit);
    for (const [member, { userId, due: what, atMs }] of taken) {
      data.deadlines.delete(member);
      const decision = decideExpire(data.records.get(userId), what, atMs, moment, this.#rules);
      if (decision.kind === "expired") this.#commit(shard, data, userId, decision.deviceId, decision, moment);
    }
    return taken.length;
  }

  /** The log goes first, as in every store. @returns the user's version */
  #commit(
    shard: number,
    data: Shard,
    userId: string,
    deviceId: string,
    { record, transition }: { record: UserRecord; transition?: NewTransition | undefined },
    _moment: Moment,
  ): number {
    if (transition === undefined) {
      const isOther = isDeviceChange(data.records.get(userId), record, deviceId);
      data.records.set(userId, record);
      if (isOther) for (const listener of this.#listeners[shard] ?? []) listener.devicesChanged?.(userId);
      return record.version;
    }
    const lastSeenMs = transition.online ? 0 : record.lastSeenMs;
    const version = this.#append(shard, data, (next) => ({ userId, ...transition, version: next, lastSeenMs, shard }));
    data.records.set(userId, { ...record, version });
    return version;
  }

  #append(shard: number, data: Shard, entryOf: (version: number) => LogEntry): number {
    const version = nextVersion(data.lastVersion, this.machine.nowUs());
    this.#write(shard, data, entryOf(version));
    return version;
  }

  #write(shard: number, data: Shard, entry: LogEntry): void {
    data.log.push(entry);
    data.lastVersion = entry.version;
    if (data.log.length > logMaxEntries) data.goneVersion = data.log.shift()?.version ?? data.goneVersion;
    this.onEntry(entry);
    for (const listener of this.#listeners[shard] ?? []) listener.entry(entry);
  }

  #setDeadline(data: Shard, userId: string, due: Deadline["due"], atMs: number): void {
    const member = "graceOf" in due ? graceMember(userId, due.graceOf) : sessionMember(userId, due.sessionId);
    const before = data.deadlines.get(member)?.atMs ?? Number.NEGATIVE_INFINITY;
    data.deadlines.set(member, { userId, due, atMs: "graceOf" in due ? atMs : Math.max(before, atMs) });
  }

  /** @throws TooLate, NoClock */
  #momentInTime(data: Shard, until: TwoClocks): Moment {
    const moment = this.#moment(data);
    if (isTooLate(until, moment)) throw new TooLate();
    return moment;
  }

  /** @throws NoClock */
  #moment(data: Shard): Moment {
    if (data.clock === undefined) throw new NoClock();
    const clockMs = readShardClock(data.clock, this.#nowMs, this.#capMs);
    const { orders, begin: beginUs, beginClockMs } = data;
    return { nowUs: this.machine.nowUs(), clockMs, orders, beginUs, beginClockMs };
  }

  #shard(shard: number): Shard {
    return this.#shards[shard] as Shard;
  }

  get #nowMs(): number {
    return Math.floor(this.machine.nowUs() / 1_000);
  }

  #randomId(): string {
    return Math.floor(this.machine.random() * 2 ** 52).toString(36);
  }
}

function emptyShards(count: number): Shard[] {
  return Array.from({ length: count }, () => ({
    clock: undefined,
    origin: undefined,
    begin: 0,
    beginClockMs: undefined,
    orders: newOrderClock,
    restated: 0,
    fence: 0,
    holder: undefined,
    cursors: new Map(),
    records: new Map(),
    deadlines: new Map(),
    log: [],
    lastVersion: 0,
    goneVersion: 0,
  }));
}

function copyOf(shard: Shard): Shard {
  const { cursors, records, deadlines, log } = shard;
  return {
    ...shard,
    cursors: new Map(cursors),
    records: new Map(records),
    deadlines: new Map(deadlines),
    log: [...log],
  };
}

function memberOf(userId: string, deviceId: string, current: NonNullable<UserDeviceCurrent>): string {
  return current.state === "grace"
    ? graceMember(userId, deviceId)
    : sessionMember(userId, sessionIdOf(current.session));
}

type UserDeviceCurrent =
  UserRecord["devices"] extends ReadonlyMap<string, infer Device>
    ? Device extends { current: infer Current }
      ? Current
      : never
    : never;

function graceMember(userId: string, deviceId: string): string {
  return `${userId}\0\0${deviceId}`;
}
