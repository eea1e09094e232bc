import type { Activity } from "../../services/presence/domain/activity.ts";
import { type Closing, decideClosing } from "../../services/presence/domain/block.ts";
import {
  type ClaimBook,
  decideClearStatus,
  decideSetStatus,
  endClaims,
  isForgettable,
  lastSaidMs,
  type NewClaim,
  turnMs,
} from "../../services/presence/domain/claims.ts";
import {
  decideExpire,
  decideHeartbeat,
  decideLeasedEnd,
  decideRegister,
  decideUnregister,
  type Moment,
  type NewTransition,
  type Rules,
} from "../../services/presence/domain/decisions.ts";
import { isDeviceChange } from "../../services/presence/domain/device-change.ts";
import { invariant } from "../../services/presence/domain/invariant.ts";
import { isTooLate, type TwoClocks } from "../../services/presence/domain/late-change.ts";
import { type Lease, looksPerTick } from "../../services/presence/domain/lease.ts";
import { supersededNotice } from "../../services/presence/domain/lease-notice.ts";
import type { LogEntry } from "../../services/presence/domain/log-entry.ts";
import {
  newOrderClock,
  type OrderReading,
  readOrderClock,
  tickOrderClock,
} from "../../services/presence/domain/order-clock.ts";
import { PresenceError } from "../../services/presence/domain/presence-error.ts";
import {
  type BeginReason,
  beginLeadUs,
  beginOf,
  recoveringUntilMs,
  type Witness,
  whyBegin,
} from "../../services/presence/domain/recovery.ts";
import { decideRestate } from "../../services/presence/domain/restating.ts";
import {
  type Device,
  parseSessionId,
  type SessionRef,
  sessionIdOf,
  type UserRecord,
  unknownInstance,
} from "../../services/presence/domain/session.ts";
import {
  readShardClock,
  type ShardClock,
  tickCapMs,
  tickShardClock,
} from "../../services/presence/domain/shard-clock.ts";
import { plainStatus, type StatusClaim } from "../../services/presence/domain/status.ts";
import { decideStatusChange, statusIn } from "../../services/presence/domain/status-change.ts";
import type { DisconnectReason, EndReason, Transition } from "../../services/presence/domain/transition.ts";
import { nextVersion } from "../../services/presence/domain/version.ts";
import { BlockTable } from "../../services/presence/store/memory/block-table.ts";
import { LeaseTable } from "../../services/presence/store/memory/lease-table.ts";
import { sessionMember } from "../../services/presence/store/redis/keys.ts";
import type {
  CloseResult,
  Heartbeat,
  LogListener,
  PublisherLease,
  RefreshResult,
  RegisterResult,
  Registration,
  RestateDuty,
  SessionEnding,
  StatusResult,
  StatusView,
  Tick,
  UnregisterResult,
} from "../../services/presence/store/store.ts";
import type { Machine } from "../time/machine.ts";
import {
  copyOf,
  dropDeadline,
  type LeasedDeadline,
  memberOf,
  type ShardData,
  setGraceDeadline,
  setSessionDeadline,
} from "./shard-data.ts";

/** Published entries stay in the log this long for watchers, ms. */
const watchersMs = 60_000;
const logMaxEntries = 10_000;

/** What a server holds, as of some moment. */
interface Snapshot {
  readonly runId: string;
  readonly shards: readonly ShardData[];
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
  /** Leases that are lost or closed. */
  readonly hidden: readonly string[];
  readonly incarnation: string;
  readonly begun: BeginReason | undefined;
  readonly dataSince: number;
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

/** Extends a deadline to that shard clock, ms: of a session, or an open lease as keys.ts names it. */
interface Extension {
  readonly member: string;
  readonly atMs: number;
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
  #shards: ShardData[];
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
    if (begun === "empty") data.dataSince = data.begin;
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
    this.#blocks(data).forgetOver(moment.clockMs);
    const mayEnd = isAdvanced && recoveringMs === 0;
    const taken = mayEnd ? this.#expire(shard, data, moment, args.limit) : 0;
    const expired = taken + (mayEnd ? this.#endClaims(shard, data, args.limit - taken) : 0);
    const tick: Tick = {
      clockMs: moment.clockMs,
      expired,
      failed: 0,
      lagMs: 0,
      lastVersion: data.lastVersion,
      sessions: data.deadlines.size + data.leased.size,
      usersOnline: 0,
      leased: data.leased.size,
      leases: data.leases.size,
      blocks: data.blocks.size,
      claimed: data.claimTurns.size,
      logLength: data.log.length,
      begin: data.begin,
      recoveringMs,
      isRestated: data.restated >= data.begin,
    };
    const { incarnation } = data.origin as NonNullable<ShardData["origin"]>;
    this.onTick(shard);
    const { nowUs } = moment;
    const { aheadUs } = data.orders;
    const orderUs = readOrderClock(data.orders, nowUs);
    const hidden = [...data.leases].filter(([, { lease }]) => lease.state !== "open").map(([id]) => id);
    const { dataSince } = data;
    return { tick, hidden, incarnation, begun, dataSince, isAdvanced, missing, nowUs, aheadUs, orderUs };
  }

  /** ZADD XX GT CH. @returns how many have a later deadline than before */
  extend(shard: number, extensions: readonly Extension[]): number {
    const data = this.#shard(shard);
    return extensions.filter((extension) => isOlder(extendIfThere(data, extension), extension.atMs)).length;
  }

  /** The same in the ZSET of a lease. */
  extendLeased(shard: number, leaseId: string, extensions: readonly Extension[]): number {
    const { leased } = this.#shard(shard);
    return extensions.filter(({ member, atMs }) => {
      const before = leased.get(member);
      if (before?.leaseId !== leaseId || !isOlder(before.atMs, atMs)) return false;
      leased.set(member, { ...before, atMs });
      return true;
    }).length;
  }

  present(shard: number, members: readonly string[]): boolean[] {
    const data = this.#shard(shard);
    return members.map((member) => deadlineOf(data, member) !== undefined);
  }

  presentUnder(shard: number, leaseId: string, members: readonly string[]): boolean[] {
    const { leased } = this.#shard(shard);
    return members.map((member) => leased.get(member)?.leaseId === leaseId);
  }

  leaseState(shard: number, leaseId: string): Lease["state"] | undefined {
    return this.#shard(shard).leases.get(leaseId)?.lease.state;
  }

  /** @param until when it counts; throws TooLate, NoClock @returns whether it is open now */
  openLease(shard: number, leaseId: string, instanceId: string, until: TwoClocks): boolean {
    const data = this.#shard(shard);
    return this.#leases(data).open(leaseId, instanceId, this.#momentInTime(data, until));
  }

  /** Throws NoClock. */
  closeLease(shard: number, leaseId: string, reason: DisconnectReason): void {
    const data = this.#shard(shard);
    this.#leases(data).close(leaseId, reason, this.#moment(data).clockMs);
  }

  /** @param until of this and the next three: until when it counts; throws TooLate */
  heartbeat(
    shard: number,
    { userId, deviceId, sessionId, instanceId = unknownInstance, leaseId = "" }: Heartbeat,
    until: TwoClocks,
    activity?: Activity,
  ): Exclude<RefreshResult, { kind: "failed" }> {
    const data = this.#shard(shard);
    const moment = this.#momentInTime(data, until);
    const record = data.records.get(userId);
    const lease = leaseId === "" ? undefined : this.#leases(data).named(leaseId);
    const connectionId = parseSessionId(sessionId)?.connectionId ?? "";
    const refusal = this.#blocks(data).refusal(userId, deviceId, connectionId, moment.clockMs);
    const heartbeat = { deviceId, sessionId, instanceId, lease, refusal, activity };
    const decision = decideHeartbeat(record, heartbeat, moment, this.#rules);
    switch (decision.kind) {
      case "revived":
        this.#begin(shard, data, userId, deviceId, decision, moment);
        return { kind: "refreshed" };
      case "live":
        this.#goOn(data, userId, deviceId, this.#told(shard, data, userId, decision.record), moment);
        return { kind: "refreshed" };
      case "superseded":
        return decision;
      default: {
        const { record: remembered, ...refusal } = decision;
        if (remembered !== undefined) data.records.set(userId, remembered);
        return refusal;
      }
    }
  }

  register(shard: number, registration: Registration, until: TwoClocks): RegisterResult {
    const { userId, deviceId, instanceId, connectionId, ageMs = 0, leaseId = "", idleSinceMs } = registration;
    const data = this.#shard(shard);
    const moment = this.#momentInTime(data, until);
    const record = data.records.get(userId);
    const previous = parseSessionId(registration.previousSessionId);
    const lease = leaseId === "" ? undefined : this.#leases(data).named(leaseId);
    const refusal = this.#blocks(data).refusal(userId, deviceId, connectionId, moment.clockMs);
    const request = { deviceId, instanceId, connectionId, previous, ageMs, lease, refusal, idleSinceMs };
    const decision = decideRegister(record, request, moment, this.#rules);
    if (decision.kind !== "registered" && decision.kind !== "repeated") return decision;
    const { kind, session } = decision;
    let version = record?.version ?? 0;
    if (kind === "registered") version = this.#begin(shard, data, userId, deviceId, decision, moment);
    else this.#goOn(data, userId, deviceId, decision.record, moment);
    return { kind, sessionId: sessionIdOf(session), version };
  }

  unregister(shard: number, ending: SessionEnding, until: TwoClocks): UnregisterResult {
    const data = this.#shard(shard);
    return this.#end(shard, data, ending, this.#momentInTime(data, until));
  }

  closeSessions(shard: number, closing: Closing, until: TwoClocks): CloseResult {
    const data = this.#shard(shard);
    const moment = this.#momentInTime(data, until);
    if (data.blocks.size >= this.#rules.shardMaxBlocks) return { kind: "too-many-blocks" };
    const record = data.records.get(closing.userId);
    const { sessions, blocks } = decideClosing(record, closing, moment.clockMs, this.#rules);
    this.#blocks(data).add(blocks);
    const refusal = { reason: closing.reason, leftMs: closing.blockMs };
    for (const { leaseId, ...session } of sessions) {
      this.#end(shard, data, { ...session, reason: "FORCED" }, moment);
      if (leaseId === undefined) continue;
      for (const listener of this.#listeners[shard] ?? []) {
        listener.leaseNotice?.({ kind: "closed", leaseId, session, refusal });
      }
    }
    return {
      kind: "closed",
      sessions: sessions.map(({ userId, deviceId, sessionId }) => ({ userId, deviceId, sessionId })),
    };
  }

  /** @param until of this and the next: when it counts; throws TooLate, and PresenceError for who looks offline while it recovers */
  setStatus(shard: number, userId: string, claim: NewClaim, until: TwoClocks): StatusResult {
    const data = this.#shard(shard);
    const record = this.#recordForClaim(data, userId, until);
    const decision = decideSetStatus(record?.claims, claim, this.#sayingMoment(data), this.#rules);
    if (decision.kind === "set") this.#writeClaims(shard, data, userId, decision.book);
    else if (decision.kind !== "kept") return decision;
    return { kind: "done", ...this.#statusOf(data, userId) };
  }

  clearStatus(
    shard: number,
    userId: string,
    claim: { readonly claimId: string; readonly setAtMs: number | undefined },
    until: TwoClocks,
  ): StatusResult {
    const data = this.#shard(shard);
    const record = this.#recordForClaim(data, userId, until);
    const book = decideClearStatus(record?.claims, claim, this.#sayingMoment(data), this.#rules);
    if (book !== undefined) this.#writeClaims(shard, data, userId, book);
    return { kind: "done", ...this.#statusOf(data, userId) };
  }

  claimsOf(shard: number, userId: string): { readonly claims: readonly StatusClaim[] } & StatusView {
    const data = this.#shard(shard);
    return { claims: data.records.get(userId)?.claims?.claims ?? [], ...this.#statusOf(data, userId) };
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
        ...{ userId, ...transition, version: next, lastSeenMs: 0, shard },
        ...statusOfEntry(record),
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

  #beginIfUnproven(shard: number, data: ShardData, { witness, reckonedMs, fresh }: TickArgs): BeginReason | undefined {
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

  #extendKept(data: ShardData, kept: TickArgs["kept"], clockMs: number): number[] {
    const { ttlMs, leaseTtlMs } = this.#rules;
    return kept.flatMap(({ member, reckonedMs }, index) => {
      const itsTtlMs = isOfLease(member) ? leaseTtlMs : ttlMs;
      const atMs = Math.min(reckonedMs ?? clockMs, clockMs) + itsTtlMs;
      return extendIfThere(data, { member, atMs }) === undefined ? [index] : [];
    });
  }

  /** Takes down what is due, oldest deadline first; then sessions that nobody verifies. @returns what of `limit` it took */
  #expire(shard: number, data: ShardData, moment: Moment, limit: number): number {
    const { clockMs } = moment;
    const due = [
      ...[...data.deadlines].map(([member, { atMs }]) => ({ member, leaseId: undefined, atMs })),
      ...[...data.leases].map(([leaseId, { lease }]) => ({ member: "", leaseId, atMs: lease.deadlineMs })),
    ]
      .filter(({ atMs }) => atMs <= clockMs)
      .sort((one, other) => one.atMs - other.atMs)
      .slice(0, limit);
    let spent = 0;
    for (const { member, leaseId } of due) {
      if (spent >= limit) break;
      if (leaseId === undefined) this.#expireMember(shard, data, member, moment);
      spent += leaseId === undefined ? 1 : this.#endLease(shard, data, leaseId, moment, limit - spent);
    }
    for (const leaseId of this.#leases(data).toLookInto(clockMs).slice(0, looksPerTick)) {
      if (spent < limit) spent += 1 + this.#lookInto(shard, data, leaseId, moment, limit - spent - 1);
    }
    return spent;
  }

  #expireMember(shard: number, data: ShardData, member: string, moment: Moment): void {
    const deadline = data.deadlines.get(member);
    if (deadline === undefined) return;
    const { userId, due, atMs } = deadline;
    data.deadlines.delete(member);
    const decision = decideExpire(data.records.get(userId), due, atMs, moment, this.#rules);
    if (decision.kind === "expired") this.#commit(shard, data, userId, decision.deviceId, decision);
  }

  /** Of a lease whose deadline passed. @returns what of `limit` it took */
  #endLease(shard: number, data: ShardData, leaseId: string, moment: Moment, limit: number): number {
    const leases = this.#leases(data);
    const wasOpen = leases.isOpen(leaseId);
    if (wasOpen) leases.lose(leaseId);
    const lease = data.leases.get(leaseId)?.lease;
    invariant(lease !== undefined, "a lease that is due is there");
    const { state, deadlineMs } = lease;
    const how = state === "closed" ? "closed" : "lost";
    const seenMs = how === "closed" ? deadlineMs : deadlineMs - this.#rules.leaseTtlMs;
    const all = leasedUnder(data, leaseId);
    const page = all.slice(0, limit - Number(wasOpen));
    for (const session of page) this.#endLeased(shard, data, session, how, seenMs, moment);
    const spent = Number(wasOpen) + page.length;
    if (page.length < all.length || spent >= limit) return spent;
    leases.forget(leaseId);
    return spent + 1;
  }

  /** Takes down the sessions of an open lease whose own deadline passed. @returns how many */
  #lookInto(shard: number, data: ShardData, leaseId: string, moment: Moment, limit: number): number {
    const { leasedTtlMs } = this.#rules;
    const due = leasedUnder(data, leaseId).filter(({ atMs }) => atMs <= moment.clockMs);
    const page = due.slice(0, limit);
    for (const session of page) {
      this.#endLeased(shard, data, session, "unverified", session.atMs - leasedTtlMs, moment);
    }
    const [first] = leasedUnder(data, leaseId);
    this.#leases(data).lookAt(leaseId, first?.atMs ?? moment.clockMs + leasedTtlMs);
    return page.length;
  }

  #endLeased(
    shard: number,
    data: ShardData,
    { userId, sessionId, leaseId }: LeasedDeadline,
    how: "lost" | "closed" | "unverified",
    seenClockMs: number,
    moment: Moment,
  ): void {
    data.leased.delete(sessionMember(userId, sessionId));
    const due = { sessionId, leaseId };
    const decision = decideLeasedEnd(data.records.get(userId), due, how, seenClockMs, moment, this.#rules);
    if (decision.kind === "expired") this.#commit(shard, data, userId, decision.deviceId, decision);
  }

  #end(
    shard: number,
    data: ShardData,
    ending: SessionRef & { readonly reason: EndReason },
    moment: Moment,
  ): UnregisterResult {
    const { userId, deviceId } = ending;
    const record = data.records.get(userId);
    const decision = decideUnregister(record, ending, moment, this.#rules);
    if (decision.kind === "left-alone") return { kind: decision.why };
    const current = record?.devices.get(deviceId)?.current;
    const beforeMs = current && dropDeadline(data, memberOf(userId, deviceId, current));
    this.#commit(shard, data, userId, deviceId, decision);
    if (decision.kind === "ended") return { kind: "ended" };
    const atMs = Math.max(decision.earliestMs, Math.min(beforeMs ?? Number.POSITIVE_INFINITY, decision.latestMs));
    setGraceDeadline(data, userId, deviceId, atMs);
    return { kind: "grace" };
  }

  /** A session has the device from now on. @returns the user's version */
  #begin(
    shard: number,
    data: ShardData,
    userId: string,
    deviceId: string,
    decision: Committed & { readonly replaced: Device["current"] },
    moment: Moment,
  ): number {
    const { replaced } = decision;
    if (replaced !== undefined) dropDeadline(data, memberOf(userId, deviceId, replaced));
    const notice = supersededNotice(userId, deviceId, replaced);
    const version = this.#commit(shard, data, userId, deviceId, decision);
    this.#goOn(data, userId, deviceId, data.records.get(userId) as UserRecord, moment);
    if (notice !== undefined) for (const listener of this.#listeners[shard] ?? []) listener.leaseNotice?.(notice);
    return version;
  }

  /** Extends the device's live session where the record says that it is. */
  #goOn(data: ShardData, userId: string, deviceId: string, record: UserRecord, moment: Moment): void {
    const current = record.devices.get(deviceId)?.current;
    invariant(current !== undefined, "a session that goes on is its device's");
    const { session, leaseId } = current;
    const { ttlMs, leasedTtlMs } = this.#rules;
    data.records.set(userId, record);
    const atMs = moment.clockMs + (leaseId === undefined ? ttlMs : leasedTtlMs);
    setSessionDeadline(data, userId, sessionIdOf(session), leaseId, atMs);
  }

  /** @returns the user's version */
  #commit(shard: number, data: ShardData, userId: string, deviceId: string, { record, transition }: Committed): number {
    const isOther = transition === undefined && isDeviceChange(data.records.get(userId), record, deviceId);
    const told = this.#told(shard, data, userId, record, { transition });
    data.records.set(userId, told);
    if (isOther) for (const listener of this.#listeners[shard] ?? []) listener.devicesChanged?.(userId);
    return told.version;
  }

  /**
   * Logs the transition, or that the user has another status, if either is so: the log goes first, as in every store.
   * @param record as it is to be @returns it, with its version
   */
  #told(
    shard: number,
    data: ShardData,
    userId: string,
    record: UserRecord,
    { transition, leastVersion = 0 }: { transition?: NewTransition | undefined; leastVersion?: number } = {},
  ): UserRecord {
    const before = data.records.get(userId);
    const change = transition ?? (before === record ? undefined : decideStatusChange(before, record, data.begin));
    if (change === undefined) return record;
    const lastSeenMs = change.online ? 0 : record.lastSeenMs;
    const told = (version: number) => ({ userId, ...change, version, lastSeenMs, shard, ...statusOfEntry(record) });
    const version = this.#append(shard, data, told, leastVersion);
    return { ...record, version };
  }

  /** Who looks offline may be online while the shard recovers: nobody is told otherwise. */
  #recordForClaim(data: ShardData, userId: string, until: TwoClocks): UserRecord | undefined {
    const moment = this.#momentInTime(data, until);
    const record = data.records.get(userId);
    if (record?.online !== true && moment.clockMs < recoveringUntilMs(moment, this.#rules)) {
      throw new PresenceError("UNAVAILABLE", "the shard recovers, and the user may be online");
    }
    return record;
  }

  #sayingMoment({ lastVersion }: ShardData) {
    return { nowMs: this.#nowMs, nextVersion: nextVersion(lastVersion, this.machine.nowUs()) };
  }

  #writeClaims(shard: number, data: ShardData, userId: string, book: ClaimBook): void {
    const unknown = { version: data.lastVersion, online: false, lastSeenMs: 0, devices: new Map() };
    const record = { ...(data.records.get(userId) ?? unknown), claims: book };
    const told = this.#told(shard, data, userId, record, { leastVersion: lastSaidMs(book) * 1_000 });
    if (isForgettable(book, this.#nowMs)) {
      const { claims: _, ...unclaimed } = told;
      data.records.set(userId, unclaimed);
      data.claimTurns.delete(userId);
    } else {
      data.records.set(userId, told);
      data.claimTurns.set(userId, turnMs(book));
    }
  }

  /** Ends claims whose time of day has come. @returns of how many users */
  #endClaims(shard: number, data: ShardData, limit: number): number {
    const nowMs = this.#nowMs;
    const due = [...data.claimTurns].filter(([, atMs]) => atMs <= nowMs).slice(0, limit);
    for (const [userId] of due) {
      const book = data.records.get(userId)?.claims;
      invariant(book !== undefined, "who has a due claim has claims");
      this.#writeClaims(shard, data, userId, endClaims(book, nowMs));
    }
    return due.length;
  }

  #statusOf(data: ShardData, userId: string): StatusView {
    const record = data.records.get(userId);
    const status = (record && statusIn(record)) ?? plainStatus(record?.online ?? false);
    return { version: record?.version ?? data.lastVersion, status };
  }

  #append(shard: number, data: ShardData, entryOf: (version: number) => LogEntry, leastVersion = 0): number {
    const version = Math.max(nextVersion(data.lastVersion, this.machine.nowUs()), leastVersion);
    this.#write(shard, data, entryOf(version));
    return version;
  }

  #write(shard: number, data: ShardData, entry: LogEntry): void {
    data.log.push(entry);
    data.lastVersion = entry.version;
    if (data.log.length > logMaxEntries) data.goneVersion = data.log.shift()?.version ?? data.goneVersion;
    this.onEntry(entry);
    for (const listener of this.#listeners[shard] ?? []) listener.entry(entry);
  }

  #leases(data: ShardData): LeaseTable {
    return new LeaseTable(this.#rules, data.leases);
  }

  #blocks(data: ShardData): BlockTable {
    return new BlockTable(data.blocks);
  }

  /** @throws TooLate, NoClock */
  #momentInTime(data: ShardData, until: TwoClocks): Moment {
    const moment = this.#moment(data);
    if (isTooLate(until, moment)) throw new TooLate();
    return moment;
  }

  /** @throws NoClock */
  #moment(data: ShardData): Moment {
    if (data.clock === undefined) throw new NoClock();
    const clockMs = readShardClock(data.clock, this.#nowMs, this.#capMs);
    const { orders, begin: beginUs, beginClockMs } = data;
    return { nowUs: this.machine.nowUs(), clockMs, orders, beginUs, beginClockMs };
  }

  #shard(shard: number): ShardData {
    return this.#shards[shard] as ShardData;
  }

  get #nowMs(): number {
    return Math.floor(this.machine.nowUs() / 1_000);
  }

  #randomId(): string {
    return Math.floor(this.machine.random() * 2 ** 52).toString(36);
  }
}

function emptyShards(count: number): ShardData[] {
  return Array.from({ length: count }, () => ({
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
    leased: new Map(),
    leases: new Map(),
    blocks: new Map(),
    claimTurns: new Map(),
    log: [],
    lastVersion: 0,
    goneVersion: 0,
  }));
}

/** What a log entry says of it. */
function statusOfEntry(record: UserRecord): Pick<Transition, "status"> {
  const status = statusIn(record);
  return status === undefined ? {} : { status };
}

/** What becomes of a user's record. */
interface Committed {
  readonly record: UserRecord;
  readonly transition?: NewTransition | undefined;
}

function isOfLease(member: string): boolean {
  return member.startsWith("\0");
}

function isOlder(beforeMs: number | undefined, atMs: number): boolean {
  return beforeMs !== undefined && beforeMs < atMs;
}

/** Of a session under no lease, or of an open lease. */
function deadlineOf({ deadlines, leases }: ShardData, member: string): number | undefined {
  if (!isOfLease(member)) return deadlines.get(member)?.atMs;
  const lease = leases.get(member.slice(1))?.lease;
  return lease?.state === "open" ? lease.deadlineMs : undefined;
}

/** ZADD XX GT. @returns the deadline before; undefined: there is none */
function extendIfThere(data: ShardData, { member, atMs }: Extension): number | undefined {
  const beforeMs = deadlineOf(data, member);
  if (!isOlder(beforeMs, atMs)) return beforeMs;
  const { deadlines, leases } = data;
  const deadline = deadlines.get(member);
  if (deadline !== undefined) deadlines.set(member, { ...deadline, atMs });
  const known = leases.get(member.slice(1));
  if (isOfLease(member) && known !== undefined) {
    leases.set(member.slice(1), { ...known, lease: { ...known.lease, deadlineMs: atMs } });
  }
  return beforeMs;
}

/** The sessions under a lease, in the order of their own deadlines. */
function leasedUnder({ leased }: ShardData, leaseId: string): LeasedDeadline[] {
  return [...leased.values()].filter((session) => session.leaseId === leaseId).sort((a, b) => a.atMs - b.atMs);
}
