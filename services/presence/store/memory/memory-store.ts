import type { Clock } from "@realchat/presence-runtime";
import type { Activity } from "../../domain/activity.ts";
import { type Attention, attentionWith, withoutAttention } from "../../domain/attention.ts";
import { type Closing, decideClosing } from "../../domain/block.ts";
import {
  type ClaimBook,
  decideClearStatus,
  decideSetStatus,
  endClaims,
  isForgettable,
  lastSaidMs,
  type NewClaim,
} from "../../domain/claims.ts";
import {
  decideExpire,
  decideHeartbeat,
  decideLeasedEnd,
  decideRegister,
  decideUnregister,
  type Moment,
  type NewTransition,
  type Rules,
} from "../../domain/decisions.ts";
import { isDeviceChange } from "../../domain/device-change.ts";
import { invariant } from "../../domain/invariant.ts";
import type { Lease } from "../../domain/lease.ts";
import { supersededNotice } from "../../domain/lease-notice.ts";
import type { LogEntry } from "../../domain/log-entry.ts";
import {
  newOrderClock,
  type OrderReading,
  readOrderClock,
  reckonOrderUs,
  tickOrderClock,
} from "../../domain/order-clock.ts";
import { PresenceError, pageTokenRefused } from "../../domain/presence-error.ts";
import { decideRestate } from "../../domain/restating.ts";
import {
  type Device,
  parseSessionId,
  registeredAtMs,
  type SessionRef,
  sessionIdOf,
  type UserRecord,
  unknownInstance,
} from "../../domain/session.ts";
import { readShardClock, type ShardClock, tickCapMs, tickShardClock } from "../../domain/shard-clock.ts";
import { plainStatus, saidBy } from "../../domain/status.ts";
import { decideStatusChange, statusIn } from "../../domain/status-change.ts";
import type { DisconnectReason, EndReason } from "../../domain/transition.ts";
import { nextVersion } from "../../domain/version.ts";
import type {
  CloseResult,
  DeviceView,
  Heartbeat,
  LeaseResult,
  LeaseView,
  LogListener,
  Mended,
  PresenceStore,
  PublisherLease,
  RefreshReply,
  RefreshResult,
  RegisterResult,
  Registration,
  RestateDuty,
  RestateStep,
  SessionEnding,
  SessionView,
  StatusResult,
  StatusStore,
  StatusView,
  StoreHealth,
  StoreMetrics,
  Tick,
  UnregisterResult,
  UserView,
} from "../store.ts";
import { BlockTable } from "./block-table.ts";
import { ClaimTable } from "./claim-table.ts";
import { LeaseTable } from "./lease-table.ts";
import { MemoryLeases } from "./memory-leases.ts";
import { type DueSession, RecordTable } from "./record-table.ts";
import { TransitionRing } from "./transition-ring.ts";

export interface MemoryStoreOptions {
  readonly rules: Rules;
  /** For how long an offline user's record is kept, ms of wall clock; at least `rules.memoryMs`. */
  readonly retentionMs: number;
  /** Transitions that the log holds at most; the oldest go. */
  readonly logMaxEntries: number;
  /** Sessions held at most, live, in grace or remembered; default 2,000,000. */
  readonly maxSessions?: number;
}

/** The only shard. */
const shard = 0;
/** Published entries stay in the log this long for watchers, ms. */
const watchersMs = 60_000;
const pageUsers = 500;
/** Of a device that has no session. */
const noDeadline = Number.POSITIVE_INFINITY;
const refreshed: RefreshResult = { kind: "refreshed" };

/** Presence's state in this process: one shard, gone with the process. */
export function createMemoryStore(options: MemoryStoreOptions, clock: Clock): PresenceStore {
  return new MemoryStore(options, clock);
}

class MemoryStore implements PresenceStore {
  readonly kind = "memory";
  readonly shardCount = 1;
  readonly #rules: Rules;
  readonly #retentionMs: number;
  readonly #logMaxEntries: number;
  readonly #clock: Clock;
  readonly #capMs: number;
  readonly #records: RecordTable;
  readonly #log: TransitionRing;
  readonly #leases = new MemoryLeases();
  readonly #gatewayLeases: LeaseTable;
  readonly #blocks = new BlockTable();
  readonly #claims = new ClaimTable();
  readonly #counts = {
    ...{ register: 0, unregister: 0, close: 0, refresh: 0, status: 0, users: 0, list: 0, tick: 0, lease: 0 },
  };
  #shardClock: ShardClock;
  #orders = newOrderClock;
  /** The order clock at the last tick, and monotonic time then. */
  #orderReading: OrderReading & { readonly atMs: number };
  /** Where the log ran over, and up to where that was repaired. */
  #begin = 0;
  #restated = 0;
  #isOpen = false;

  constructor({ rules, retentionMs, logMaxEntries, maxSessions = 2_000_000 }: MemoryStoreOptions, clock: Clock) {
    this.#rules = rules;
    this.#retentionMs = Math.max(retentionMs, rules.memoryMs);
    this.#logMaxEntries = logMaxEntries;
    this.#clock = clock;
    this.#capMs = tickCapMs(rules.ttlMs);
    const horizonMs = rules.ttlMs + this.#capMs;
    const hashSeed = Math.floor(clock.random() * 2 ** 32);
    this.#records = new RecordTable({ maxRows: maxSessions, ttlMs: rules.ttlMs, horizonMs, hashSeed });
    this.#log = new TransitionRing(logMaxEntries);
    this.#gatewayLeases = new LeaseTable(rules);
    const nowUs = clock.nowUs();
    this.#shardClock = { clockMs: 0, tickedAtMs: toMs(nowUs) };
    this.#orderReading = { nowUs, aheadUs: 0, orderUs: nowUs, atMs: clock.monotonicMs() };
  }

  async open(): Promise<void> {
    this.#isOpen = true;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }

  health(): StoreHealth {
    const isOpen = this.#isOpen;
    const detail = isOpen ? "in this process: gone when it ends" : "closed";
    return {
      ready: isOpen,
      serves: isOpen,
      detail,
      full: undefined,
      eviction: undefined,
      settings: { risks: [], unknown: undefined },
    };
  }

  /** Times are 0: nothing here waits, so the process's CPU time says it all. */
  metrics(): StoreMetrics {
    const operations = Object.entries(this.#counts).map(([kind, count]) => [kind, { count, failed: 0, totalMs: 0 }]);
    return {
      operations: Object.fromEntries(operations),
      unreadable: { records: 0, entries: 0 },
      heartbeats: { delivered: 0, lost: 0, withheld: 0 },
      connectionsLost: { closed: 0 },
      failingShards: 0,
      begins: {},
      bounds: { sessions: this.#records.rows, log: { used: this.#log.length, limit: this.#logMaxEntries } },
    };
  }

  async register(registration: Registration): Promise<RegisterResult> {
    this.#checkOpen();
    this.#counts.register += 1;
    const { userId, deviceId, instanceId, connectionId, ageMs = 0, leaseId = "", idleSinceMs } = registration;
    const moment = this.#moment();
    const record = this.#read(userId, moment);
    const previous = parseSessionId(registration.previousSessionId);
    const lease = leaseId === "" ? undefined : this.#gatewayLeases.named(leaseId);
    const refusal = this.#blocks.refusal(userId, deviceId, connectionId, moment.clockMs);
    const request = { deviceId, instanceId, connectionId, previous, ageMs, lease, refusal, idleSinceMs };
    const decision = decideRegister(record, request, moment, this.#rules);
    switch (decision.kind) {
      case "registered": {
        this.#makeRoom(moment);
        const deadlineMs = this.#deadlineMs(moment, leaseId);
        const version = this.#commit(userId, deviceId, record, decision, deadlineMs, moment, registration.traceparent);
        return { kind: "registered", sessionId: sessionIdOf(decision.session), version };
      }
      case "repeated": {
        const sessionId = sessionIdOf(decision.session);
        this.#extend(userId, deviceId, sessionId, decision.record, record !== decision.record, moment);
        return { kind: "repeated", sessionId, version: record?.version ?? 0 };
      }
      default:
        return decision;
    }
  }

  async unregister(ending: SessionEnding): Promise<UnregisterResult> {
    this.#checkOpen();
    this.#counts.unregister += 1;
    return this.#end(ending, this.#moment());
  }

  async closeSessions(closing: Closing): Promise<CloseResult> {
    this.#checkOpen();
    this.#counts.close += 1;
    const moment = this.#moment();
    if (this.#blocks.size >= this.#rules.shardMaxBlocks) return { kind: "too-many-blocks" };
    const { sessions, blocks } = decideClosing(
      this.#read(closing.userId, moment),
      closing,
      moment.clockMs,
      this.#rules,
    );
    this.#blocks.add(blocks);
    for (const { leaseId, ...session } of sessions) {
      this.#end({ ...session, reason: "FORCED" }, moment);
      const refusal = { reason: closing.reason, leftMs: closing.blockMs };
      if (leaseId !== undefined) this.#log.leaseNotice({ kind: "closed", leaseId, session, refusal });
    }
    return {
      kind: "closed",
      sessions: sessions.map(({ userId, deviceId, sessionId }) => ({ userId, deviceId, sessionId })),
    };
  }

  #end(
    ending: SessionRef & { readonly reason: EndReason; readonly traceparent?: string | undefined },
    moment: Moment,
  ): UnregisterResult {
    const { userId, deviceId, traceparent } = ending;
    const record = this.#read(userId, moment);
    const decision = decideUnregister(record, ending, moment, this.#rules);
    switch (decision.kind) {
      case "ended":
        this.#commit(userId, deviceId, record, decision, noDeadline, moment, traceparent);
        return { kind: "ended" };
      case "grace": {
        const before = this.#records.deadlineMs(userId, deviceId) ?? noDeadline;
        const deadlineMs = Math.max(decision.earliestMs, Math.min(before, decision.latestMs));
        this.#commit(userId, deviceId, record, decision, deadlineMs, moment);
        return { kind: "grace" };
      }
      case "left-alone":
        return { kind: decision.why };
    }
  }

  refresh(session: Heartbeat, reply: RefreshReply, tag: number): void {
    let result: RefreshResult;
    try {
      this.#checkOpen();
      result = this.#heartbeat(session);
    } catch (error) {
      result = { kind: "failed", error: error as Error };
    }
    reply(result, tag);
  }

  /** The usual case reads four columns and writes one; only a heartbeat that finds no session needs the record. */
  #heartbeat({ userId, deviceId, sessionId, instanceId = unknownInstance, leaseId = "" }: Heartbeat): RefreshResult {
    this.#counts.refresh += 1;
    const clockMs = this.#clockMs(this.#clock.nowUs());
    const { ttlMs, leasedTtlMs } = this.#rules;
    const isLeased = leaseId !== "";
    if (!isLeased || this.#gatewayLeases.isOpen(leaseId)) {
      const under = isLeased ? leaseId : undefined;
      if (this.#records.extend(userId, deviceId, sessionId, clockMs + ttlMs, clockMs + leasedTtlMs, under)) {
        return refreshed;
      }
    }
    const moment = this.#moment();
    const record = this.#read(userId, moment);
    const lease = isLeased ? this.#gatewayLeases.named(leaseId) : undefined;
    const connectionId = parseSessionId(sessionId)?.connectionId ?? "";
    const refusal = this.#blocks.refusal(userId, deviceId, connectionId, moment.clockMs);
    const heartbeat = { deviceId, sessionId, instanceId, lease, refusal };
    const decision = decideHeartbeat(record, heartbeat, moment, this.#rules);
    switch (decision.kind) {
      case "revived":
        if (record?.devices.has(deviceId) !== true) this.#makeRoom(moment);
        this.#commit(userId, deviceId, record, decision, this.#deadlineMs(moment, leaseId), moment);
        return refreshed;
      case "live":
        this.#extend(userId, deviceId, decision.sessionId, decision.record, record !== decision.record, moment);
        return refreshed;
      case "superseded":
        return decision;
      default: {
        const { record: remembered, ...refusal } = decision;
        if (remembered !== undefined) this.#records.write(userId, remembered, deviceId, noDeadline);
        return refusal;
      }
    }
  }

  /** Extends a live session where it is, or moves it under the lease that the record says now. */
  #extend(
    userId: string,
    deviceId: string,
    sessionId: string,
    record: UserRecord,
    isMoved: boolean,
    moment: Moment,
  ): void {
    const { ttlMs, leasedTtlMs } = this.#rules;
    if (isMoved) this.#records.write(userId, record, deviceId, moment.clockMs + leasedTtlMs);
    else this.#records.extend(userId, deviceId, sessionId, moment.clockMs + ttlMs, moment.clockMs + leasedTtlMs);
  }

  /** Of a session that begins. */
  #deadlineMs({ clockMs }: Moment, leaseId: string): number {
    return clockMs + (leaseId === "" ? this.#rules.ttlMs : this.#rules.leasedTtlMs);
  }

  async statusesMissing(): Promise<undefined> {}

  async setStatus(userId: string, claim: NewClaim): Promise<StatusResult> {
    this.#checkOpen();
    this.#counts.status += 1;
    const moment = this.#moment();
    const record = this.#read(userId, moment);
    const decision = decideSetStatus(record?.claims, claim, this.#sayingMoment(moment), this.#rules);
    switch (decision.kind) {
      case "set":
        if (record?.claims === undefined && this.#claims.size >= this.#records.rows.limit) throw this.#full();
        this.#writeClaims(userId, record, decision.book, moment);
        return { kind: "done", ...this.#statusOf(userId) };
      case "kept":
        return { kind: "done", ...this.#statusOf(userId) };
      default:
        return decision;
    }
  }

  async clearStatus(userId: string, claimId: string, setAtMs: number | undefined): Promise<StatusResult> {
    this.#checkOpen();
    this.#counts.status += 1;
    const moment = this.#moment();
    const record = this.#read(userId, moment);
    const book = decideClearStatus(record?.claims, { claimId, setAtMs }, this.#sayingMoment(moment), this.#rules);
    if (book !== undefined) this.#writeClaims(userId, record, book, moment);
    return { kind: "done", ...this.#statusOf(userId) };
  }

  async setActivity(session: SessionRef, activity: Activity): ReturnType<StatusStore["setActivity"]> {
    this.#checkOpen();
    this.#counts.status += 1;
    const { userId, deviceId, sessionId } = session;
    const moment = this.#moment();
    const record = this.#read(userId, moment);
    const connectionId = parseSessionId(sessionId)?.connectionId ?? "";
    const refusal = this.#blocks.refusal(userId, deviceId, connectionId, moment.clockMs);
    const heartbeat = { deviceId, sessionId, instanceId: unknownInstance, activity, refusal };
    const decision = decideHeartbeat(record, heartbeat, moment, this.#rules);
    if (decision.kind === "revived") throw new Error("a heartbeat with session_id brings nothing back");
    if (decision.kind !== "live") return decision;
    if (decision.record === record) {
      this.#extend(userId, deviceId, sessionId, record, false, moment);
    } else {
      const leaseId = decision.record.devices.get(deviceId)?.current?.leaseId ?? "";
      this.#commit(userId, deviceId, record, decision, this.#deadlineMs(moment, leaseId), moment);
    }
    return { kind: "refreshed" };
  }

  async claimsOf(userId: string): ReturnType<StatusStore["claimsOf"]> {
    this.#checkOpen();
    this.#counts.status += 1;
    const claims = this.#claims.get(userId)?.book.claims ?? [];
    return { claims: claims.toSorted((a, b) => (a.claimId < b.claimId ? -1 : 1)), ...this.#statusOf(userId) };
  }

  #statusOf(userId: string): StatusView {
    const { version, online, status = plainStatus(online) } = this.#view(userId, this.#moment());
    return { version, status };
  }

  #sayingMoment({ nowUs }: Moment) {
    return { nowMs: toMs(nowUs), nextVersion: nextVersion(this.#log.lastVersion, nowUs) };
  }

  /** Without a record before, the version is one that every later change is above. */
  #writeClaims(userId: string, before: UserRecord | undefined, book: ClaimBook, moment: Moment): void {
    const version = this.#log.lastVersion;
    const known = before ?? { version, online: false, lastSeenMs: 0, devices: new Map() };
    const record = { ...known, claims: book };
    const change = decideStatusChange(before, record, this.#begin);
    const told = this.#tell(userId, change, record, moment, { leastVersion: lastSaidMs(book) * 1_000 });
    const isForgotten = isForgettable(book, toMs(moment.nowUs));
    if (isForgotten) this.#claims.delete(userId);
    else this.#claims.set(userId, { book, version: told });
    // Who is offline keeps the place among those who left as long as something is claimed.
    if (isForgotten || record.online) this.#records.setVersion(userId, told);
  }

  /** Ends claims whose time has come. @returns of how many users */
  #endClaims(moment: Moment, limit: number): number {
    const due = this.#claims.due(toMs(moment.nowUs), limit);
    for (const userId of due) {
      const record = this.#read(userId, moment);
      invariant(record?.claims !== undefined, "who has a due claim has claims");
      this.#writeClaims(userId, record, endClaims(record.claims, toMs(moment.nowUs)), moment);
    }
    return due.length;
  }

  async openLease(leaseId: string, instanceId: string): Promise<LeaseResult> {
    this.#checkOpen();
    this.#counts.lease += 1;
    if (!this.#gatewayLeases.open(leaseId, instanceId, this.#moment())) return { kind: "closed" };
    return { kind: "kept", missing: false, partial: false, begins: this.#begin };
  }

  async keepLease(leaseId: string): Promise<LeaseResult> {
    this.#checkOpen();
    this.#counts.lease += 1;
    const state = this.#gatewayLeases.keep(leaseId, this.#moment().clockMs);
    if (state === "closed") return { kind: "closed" };
    return { kind: "kept", missing: state !== "open", partial: false, begins: this.#begin };
  }

  async closeLease(leaseId: string, reason: DisconnectReason): Promise<void> {
    this.#checkOpen();
    this.#counts.lease += 1;
    this.#gatewayLeases.close(leaseId, reason, this.#moment().clockMs);
  }

  async users(userIds: readonly string[]): Promise<UserView[]> {
    this.#checkOpen();
    this.#counts.users += 1;
    const moment = this.#moment();
    return userIds.map((userId) => this.#view(userId, moment));
  }

  async sessionsOf(userId: string): Promise<SessionView[]> {
    this.#checkOpen();
    this.#counts.list += 1;
    const record = this.#read(userId, this.#moment());
    return record === undefined ? [] : sessionsOf(userId, record, this.#orders.aheadUs);
  }

  async sessionsAt(instanceId: string, cursor: string): Promise<{ sessions: SessionView[]; cursor: string }> {
    this.#checkOpen();
    this.#counts.list += 1;
    if (!/^\d{0,15}$/.test(cursor)) throw pageTokenRefused();
    const { userIds, next } = this.#records.onlineFrom(Number(cursor), pageUsers);
    const { aheadUs } = this.#orders;
    const sessions = userIds.flatMap((userId) => sessionsOf(userId, this.#records.read(userId) as UserRecord, aheadUs));
    return {
      sessions: sessions.filter((session) => session.instanceId === instanceId),
      cursor: next === undefined ? "" : String(next),
    };
  }

  async leasesAfter(leaseId: string, limit: number): Promise<LeaseView[]> {
    this.#checkOpen();
    this.#counts.list += 1;
    const leases = this.#gatewayLeases.after(leaseId, limit);
    return leases.map((lease) => ({ ...lease, sessions: this.#records.underLease(lease.leaseId) }));
  }

  async tick(_shard: number, limit: number): Promise<Tick> {
    this.#checkOpen();
    this.#counts.tick += 1;
    const nowUs = this.#clock.nowUs();
    this.#shardClock = tickShardClock(this.#shardClock, toMs(nowUs), this.#capMs);
    this.#tickOrders(nowUs);
    const moment = this.#moment();
    const first = this.#firstDeadlineMs(moment.clockMs);
    const lagMs = first === undefined ? 0 : moment.clockMs - first;
    const taken = this.#expire(moment, limit);
    const expired = taken + this.#endClaims(moment, limit - taken);
    this.#forgetDeparted(moment, limit);
    this.#blocks.forgetOver(moment.clockMs);
    return {
      clockMs: moment.clockMs,
      expired,
      lagMs,
      lastVersion: this.#log.lastVersion,
      sessions: this.#records.sessions,
      usersOnline: this.#records.usersOnline,
      leased: this.#records.leased,
      leases: this.#gatewayLeases.size,
      blocks: this.#blocks.size,
      claimed: this.#claims.size,
      failed: 0,
      logLength: this.#log.length,
      begin: this.#begin,
      recoveringMs: 0,
      isRestated: this.#restated >= this.#begin,
    };
  }

  /** What it holds is gone only with the process, and then so is all who could read it. */
  isRecovering(): boolean {
    return false;
  }

  dataSince(): number {
    return 0;
  }

  /** A row holds both session and deadline, so there is nothing to hold against each other. */
  async mend(): Promise<{ cursor: string } & Mended> {
    this.#checkOpen();
    return { cursor: "", given: 0, dropped: 0, recounted: 0 };
  }

  async restate(cursor: string, duties: ReadonlyMap<number, RestateDuty>): Promise<RestateStep> {
    this.#checkOpen();
    const none: ReadonlySet<number> = new Set();
    const duty = duties.get(shard);
    if (duty === undefined) return { cursor: "", restated: 0, undone: none, failed: none };
    if (!this.#isOwed(duty) || this.#log.length * 2 > this.#logMaxEntries) {
      return { cursor, restated: 0, undone: new Set([shard]), failed: none };
    }
    const { userIds, next } = this.#records.onlineFrom(Number(cursor), pageUsers);
    const restated = userIds.filter((userId) => this.#restate(userId, duty.begin)).length;
    return { cursor: next === undefined ? "" : String(next), restated, undone: none, failed: none };
  }

  async completeRestating(_shard: number, duty: RestateDuty): Promise<boolean> {
    this.#checkOpen();
    if (!this.#isOwed(duty)) return false;
    if (this.#restated < duty.begin) {
      this.#log.append({ mark: "complete", shard, version: this.#nextVersion(), begin: duty.begin });
      this.#restated = duty.begin;
    }
    return true;
  }

  async beginRestating(_shard: number, fence: number): Promise<number | undefined> {
    this.#checkOpen();
    if (!this.#leases.isCurrent(fence)) return undefined;
    this.#begin = this.#nextVersion();
    this.#log.append({ mark: "begin", shard, version: this.#begin });
    return this.#begin;
  }

  async lastVersion(_shard: number): Promise<number> {
    this.#checkOpen();
    return this.#log.lastVersion;
  }

  async readLog(_shard: number, after: number, limit: number): Promise<{ entries: LogEntry[]; gap: boolean }> {
    this.#checkOpen();
    return this.#log.read(after, limit);
  }

  follow(_shard: number, listener: LogListener): () => void {
    return this.#log.follow(listener);
  }

  async *scanOnline(_shard: number): AsyncIterable<UserView[]> {
    this.#checkOpen();
    for (const userIds of this.#records.online(pageUsers)) yield await this.users(userIds);
  }

  async announceNode(nodeId: string, ttlMs: number): Promise<number> {
    this.#checkOpen();
    return this.#leases.announce(nodeId, ttlMs, this.#clock.monotonicMs());
  }

  async withdrawNode(nodeId: string): Promise<void> {
    this.#checkOpen();
    this.#leases.withdraw(nodeId);
  }

  async claim(_shard: number, nodeId: string, leaseMs: number): Promise<PublisherLease | undefined> {
    this.#checkOpen();
    const lease = this.#leases.claim(nodeId, leaseMs, this.#clock.monotonicMs());
    return lease && { ...lease, begin: this.#begin };
  }

  async release(_shard: number, nodeId: string): Promise<void> {
    this.#checkOpen();
    this.#leases.release(nodeId);
  }

  async advance(_shard: number, fence: number, cursors: Readonly<Record<string, number>>): Promise<boolean> {
    this.#checkOpen();
    const passed = this.#leases.advance(fence, cursors);
    if (passed === undefined) return false;
    const newestUs = Math.max(this.#clock.nowUs(), passed);
    this.#log.trim(Math.min(passed, newestUs - watchersMs * 1000));
    this.#log.trim(passed, this.#logMaxEntries / 4);
    return true;
  }

  #isOwed({ begin, fence }: RestateDuty): boolean {
    return begin === this.#begin && this.#leases.isCurrent(fence);
  }

  #restate(userId: string, begin: number): boolean {
    const moment = this.#moment();
    const record = this.#read(userId, moment);
    const transition = record && decideRestate(record, begin);
    if (record === undefined || transition === undefined) return false;
    const version = this.#tell(userId, transition, record, moment);
    this.#records.setVersion(userId, version);
    return true;
  }

  #nextVersion(): number {
    return nextVersion(this.#log.lastVersion, this.#clock.nowUs());
  }

  /** The oldest deadline that is due. */
  #firstDeadlineMs(clockMs: number): number | undefined {
    const session = this.#records.firstDue(clockMs)?.deadlineMs ?? Number.POSITIVE_INFINITY;
    const first = Math.min(
      session,
      this.#gatewayLeases.firstDue(clockMs)?.lease.deadlineMs ?? Number.POSITIVE_INFINITY,
    );
    return first === Number.POSITIVE_INFINITY ? undefined : first;
  }

  /** Takes down what is due, oldest deadline first; then sessions that nobody verifies. @returns what of `limit` it took */
  #expire(moment: Moment, limit: number): number {
    let spent = 0;
    for (; spent < limit; spent++) {
      const session = this.#records.firstDue(moment.clockMs);
      const due = this.#gatewayLeases.firstDue(moment.clockMs);
      if (due !== undefined && (session === undefined || due.lease.deadlineMs <= session.deadlineMs)) {
        this.#advanceLease(due.id, due.lease, moment);
      } else if (session !== undefined) {
        this.#expireSession(session, moment);
      } else {
        break;
      }
    }
    for (const id of this.#gatewayLeases.toLookInto(moment.clockMs)) {
      if (spent === limit) break;
      spent += 1 + this.#lookInto(id, moment, limit - spent - 1);
    }
    return spent;
  }

  #expireSession({ userId, deviceId, deadlineMs }: DueSession, moment: Moment): void {
    const record = this.#claimed(userId, this.#records.read(userId));
    const current = record?.devices.get(deviceId)?.current;
    invariant(current !== undefined, "a due row has a session");
    const member =
      current.state === "grace" ? { graceOf: deviceId } : { sessionId: sessionIdOf(current.session), deviceId };
    const decision = decideExpire(record, member, deadlineMs, moment, this.#rules);
    invariant(decision.kind === "expired", "a due session expires");
    this.#commit(userId, deviceId, record, decision, noDeadline, moment);
  }

  /** One step of a lease whose deadline passed: it is lost; or one of its sessions goes; or, when all have gone, itself. */
  #advanceLease(id: string, { state, deadlineMs }: Lease, moment: Moment): void {
    if (state === "open") {
      this.#gatewayLeases.lose(id);
      return;
    }
    const session = this.#records.firstLeased(id);
    const seenMs = state === "lost" ? deadlineMs - this.#rules.leaseTtlMs : deadlineMs;
    if (session === undefined) this.#gatewayLeases.forget(id);
    else this.#endLeased(id, session, state, seenMs, moment);
  }

  /** Takes down the sessions of an open lease whose own deadline passed. @returns how many */
  #lookInto(id: string, moment: Moment, limit: number): number {
    const { leasedTtlMs } = this.#rules;
    for (let ended = 0; ; ended++) {
      const session = this.#records.firstLeased(id);
      const isOver = session !== undefined && session.deadlineMs <= moment.clockMs;
      if (!isOver || ended === limit) {
        this.#gatewayLeases.lookAt(id, session?.deadlineMs ?? moment.clockMs + leasedTtlMs);
        return ended;
      }
      this.#endLeased(id, session, "unverified", session.deadlineMs - leasedTtlMs, moment);
    }
  }

  #endLeased(
    leaseId: string,
    { userId, deviceId }: DueSession,
    how: "lost" | "closed" | "unverified",
    seenClockMs: number,
    moment: Moment,
  ): void {
    const record = this.#claimed(userId, this.#records.read(userId));
    const session = record?.devices.get(deviceId)?.current?.session;
    invariant(session !== undefined, "a leased row has a session");
    const due = { sessionId: sessionIdOf(session), leaseId, deviceId };
    const decision = decideLeasedEnd(record, due, how, seenClockMs, moment, this.#rules);
    invariant(decision.kind === "expired", "a leased row is live under its lease");
    this.#commit(userId, deviceId, record, decision, noDeadline, moment);
  }

  /** Drops records that outlived the retention, a few at a time. */
  #forgetDeparted(moment: Moment, limit: number): void {
    const belowVersion = (toMs(moment.nowUs) - this.#retentionMs + 1) * 1000;
    for (let forgotten = 0; forgotten < limit && this.#forgetDeparture(belowVersion); forgotten++);
  }

  #forgetDeparture(belowVersion: number): boolean {
    const forgotten = this.#records.forgetDeparted(belowVersion);
    if (forgotten !== undefined) this.#claims.inherit(forgotten.userId, forgotten.version);
    return forgotten !== undefined;
  }

  /** The log goes first, as in every store: a reader who finds a version in a record finds its entry too. */
  #commit(
    userId: string,
    deviceId: string,
    before: UserRecord | undefined,
    {
      record,
      transition,
      replaced,
    }: { record: UserRecord; transition?: NewTransition | undefined; replaced?: Device["current"] },
    deadlineMs: number,
    moment: Moment,
    traceparent?: string,
  ): number {
    const notice = supersededNotice(userId, deviceId, replaced);
    if (notice !== undefined) this.#log.leaseNotice(notice);
    const isOther = transition === undefined && isDeviceChange(before, record, deviceId);
    const change = transition ?? decideStatusChange(before, record, this.#begin);
    const version = this.#tell(userId, change, record, moment, { traceparent });
    this.#records.write(userId, version === record.version ? record : { ...record, version }, deviceId, deadlineMs);
    if (isOther) this.#log.devicesChanged(userId);
    return version;
  }

  /** Appends a transition to the log, if there is one. @returns the user's version after it */
  #tell(
    userId: string,
    transition: NewTransition | undefined,
    record: UserRecord,
    moment: Moment,
    { traceparent, leastVersion = 0 }: { traceparent?: string | undefined; leastVersion?: number } = {},
  ): number {
    if (transition === undefined) return record.version;
    const version = Math.max(nextVersion(this.#log.lastVersion, moment.nowUs), leastVersion);
    const lastSeenMs = transition.online ? 0 : this.#lastSeenMs(record, moment);
    const status = statusIn(record);
    const further = { ...(status !== undefined && { status }), ...(traceparent !== undefined && { traceparent }) };
    this.#log.append({ userId, ...transition, version, lastSeenMs, shard, ...further });
    return version;
  }

  /** The user's record, unless it outlived the retention. */
  #read(userId: string, moment: Moment): UserRecord | undefined {
    const record = this.#records.read(userId);
    const isKept =
      record === undefined || record.online || toMs(record.version) + this.#retentionMs > toMs(moment.nowUs);
    return this.#claimed(userId, isKept ? record : undefined);
  }

  /** A record with what is claimed of its user. */
  #claimed(userId: string, record: UserRecord | undefined): UserRecord | undefined {
    const claimed = this.#claims.size === 0 ? undefined : this.#claims.get(userId);
    if (claimed === undefined) return record;
    const { book, version } = claimed;
    const known = record ?? { version: 0, online: false, lastSeenMs: 0, devices: new Map() };
    return { ...known, version: Math.max(known.version, version), claims: book };
  }

  /** When an offline user was last seen, as long as that is remembered: a record with claims lives longer. */
  #lastSeenMs({ lastSeenMs }: UserRecord, { nowUs }: Moment): number {
    return lastSeenMs + this.#retentionMs > toMs(nowUs) ? lastSeenMs : 0;
  }

  #view(userId: string, moment: Moment): UserView {
    const record = this.#read(userId, moment);
    if (record === undefined) {
      return { userId, online: false, version: this.#log.lastVersion, lastSeenMs: 0, shard, devices: [] };
    }
    const { online, version } = record;
    const isHidden = (leaseId: string | undefined) => this.#gatewayLeases.isHidden(leaseId);
    const devices = devicesOf(record, this.#orders.aheadUs, isHidden);
    const lastSeenMs = online ? 0 : this.#lastSeenMs(record, moment);
    const view = { userId, online, version, lastSeenMs, shard, devices };
    const [status, attention] = [statusIn(record), attentionIn(record, isHidden)];
    return status === undefined && attention === undefined ? view : { ...view, status, attention };
  }

  #moment(): Moment {
    const nowUs = this.#clock.nowUs();
    return { nowUs, clockMs: this.#clockMs(nowUs), orders: this.#orders, beginUs: 0, beginClockMs: undefined };
  }

  #tickOrders(nowUs: number): void {
    const atMs = this.#clock.monotonicMs();
    const reckonedUs = reckonOrderUs(this.#orderReading, (atMs - this.#orderReading.atMs) * 1_000);
    const toleranceUs = this.#rules.ageMinMs * 1_000;
    this.#orders = tickOrderClock(this.#orders, { nowUs, reckonedUs, begunUs: 0, toleranceUs });
    const { aheadUs } = this.#orders;
    this.#orderReading = { nowUs, aheadUs, orderUs: readOrderClock(this.#orders, nowUs), atMs };
  }

  #clockMs(nowUs: number): number {
    return readShardClock(this.#shardClock, toMs(nowUs), this.#capMs);
  }

  /** Before a registration is refused, the user who left longest ago is forgotten, if no late call can concern it. */
  #makeRoom(moment: Moment): void {
    if (!this.#records.isFull) return;
    if (this.#forgetDeparture(moment.nowUs - this.#rules.memoryMs * 1000)) return;
    throw this.#full();
  }

  #full(): PresenceError {
    const { limit } = this.#records.rows;
    return new PresenceError("RESOURCE_EXHAUSTED", `the store holds ${limit} sessions, its limit: use Redis for more`);
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw unavailable();
  }
}

function devicesOf(
  record: UserRecord,
  aheadUs: number,
  isHidden: (leaseId: string | undefined) => boolean,
): DeviceView[] {
  const devices: DeviceView[] = [];
  for (const [deviceId, { current }] of record.devices) {
    if (current?.state !== "live" || isHidden(current.leaseId)) continue;
    const { instanceId, order } = current.session;
    devices.push({ deviceId, instanceId, connectedAtMs: registeredAtMs(order, aheadUs) });
  }
  return devices.sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
}

/** Sessions in grace, and under a lease that is lost or closed, lost their connection. */
function attentionIn(
  { devices, claims }: UserRecord,
  isHidden: (leaseId: string | undefined) => boolean,
): Attention | undefined {
  const isDoNotDisturb = claims !== undefined && saidBy(claims.claims).availability === "DO_NOT_DISTURB";
  let attention = isDoNotDisturb ? withoutAttention(isDoNotDisturb) : undefined;
  for (const { current } of devices.values()) {
    if (current?.activity === undefined) continue;
    const { state, leaseId, activity } = current;
    attention = attentionWith(attention, activity, state === "live" && !isHidden(leaseId));
  }
  return attention;
}

/** The live ones, by device_id. */
function sessionsOf(userId: string, record: UserRecord, aheadUs: number): SessionView[] {
  const sessions: SessionView[] = [];
  for (const [deviceId, { current }] of record.devices) {
    if (current?.state !== "live") continue;
    const { session, leaseId } = current;
    const { instanceId, order } = session;
    const connectedAtMs = registeredAtMs(order, aheadUs);
    sessions.push({ userId, deviceId, sessionId: sessionIdOf(session), instanceId, leaseId, connectedAtMs });
  }
  return sessions.sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
}

function toMs(us: number): number {
  return Math.floor(us / 1000);
}

function unavailable(): PresenceError {
  return new PresenceError("UNAVAILABLE", "the memory store is closed");
}
