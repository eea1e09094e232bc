import type { Clock } from "@realchat/presence-runtime";
import {
  type Change,
  decideExpire,
  decideHeartbeat,
  decideRegister,
  decideRevive,
  decideUnregister,
  type Moment,
  type Rules,
} from "../../domain/decisions.ts";
import { PresenceError } from "../../domain/presence-error.ts";
import { parseSessionId, type SessionRef, sessionIdOf, type UserRecord } from "../../domain/session.ts";
import { readShardClock, type ShardClock, tickCapMs, tickShardClock } from "../../domain/shard-clock.ts";
import { nextVersion } from "../../domain/version.ts";
import type {
  DeviceView,
  LogListener,
  PresenceStore,
  PublisherLease,
  RefreshReply,
  RefreshResult,
  RegisterResult,
  Registration,
  SessionEnding,
  StoreHealth,
  StoreMetrics,
  Tick,
  UnregisterResult,
  UserView,
} from "../store.ts";
import { PublisherDesk } from "./publisher-desk.ts";
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
/** What was published stays in the log this long for those who watch, ms. */
const watchersMs = 60_000;
const pageUsers = 500;

/** Presence's state in this process: one shard, gone with the process. */
export function createMemoryStore(options: MemoryStoreOptions, clock: Clock): PresenceStore {
  return new MemoryStore(options, clock);
}

interface Entry {
  record: UserRecord;
  /** By device: when its live session or its grace falls due, ms of shard clock. */
  readonly deadlines: Map<string, number>;
}

class MemoryStore implements PresenceStore {
  readonly kind = "memory";
  readonly shardCount = 1;
  readonly #rules: Rules;
  readonly #retentionMs: number;
  readonly #maxSessions: number;
  readonly #logMaxEntries: number;
  readonly #clock: Clock;
  readonly #capMs: number;
  readonly #log: TransitionRing;
  readonly #desk = new PublisherDesk();
  readonly #users = new Map<string, Entry>();
  readonly #counts = { register: 0, unregister: 0, refresh: 0, users: 0, tick: 0 };
  #shardClock: ShardClock;
  #sessions = 0;
  #usersOnline = 0;
  #isOpen = false;

  constructor(options: MemoryStoreOptions, clock: Clock) {
    this.#rules = options.rules;
    this.#retentionMs = Math.max(options.retentionMs, options.rules.memoryMs);
    this.#maxSessions = options.maxSessions ?? 2_000_000;
    this.#logMaxEntries = options.logMaxEntries;
    this.#clock = clock;
    this.#capMs = tickCapMs(options.rules.ttlMs);
    this.#log = new TransitionRing(options.logMaxEntries);
    this.#shardClock = { clockMs: 0, tickedAtMs: this.#nowMs() };
  }

  async open(): Promise<void> {
    this.#isOpen = true;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }

  health(): StoreHealth {
    return this.#isOpen
      ? { ready: true, detail: "in this process: gone when it ends" }
      : { ready: false, detail: "closed" };
  }

  metrics(): StoreMetrics {
    const operations = Object.entries(this.#counts).map(([kind, count]) => [kind, { count, failed: 0, totalMs: 0 }]);
    return {
      operations: Object.fromEntries(operations),
      bounds: {
        sessions: { used: this.#sessions, limit: this.#maxSessions },
        log: { used: this.#log.length, limit: this.#logMaxEntries },
      },
    };
  }

  async register(registration: Registration): Promise<RegisterResult> {
    this.#checkOpen();
    this.#counts.register += 1;
    const { userId, deviceId, instanceId, connectionId } = registration;
    const entry = this.#find(userId);
    const moment = this.#moment();
    const previous = parseSessionId(registration.previousSessionId);
    const request = { deviceId, instanceId, connectionId, previous };
    const decision = decideRegister(entry?.record, request, moment, this.#rules);
    switch (decision.kind) {
      case "registered": {
        if (decision.replaced === undefined) this.#checkRoom();
        const version = this.#commit(userId, decision.record, decision.change, moment);
        this.#extend(userId, deviceId, moment.clockMs + this.#rules.ttlMs);
        return { kind: "registered", sessionId: sessionIdOf(decision.session), version };
      }
      case "repeated":
        this.#extend(userId, deviceId, moment.clockMs + this.#rules.ttlMs);
        return {
          kind: "repeated",
          sessionId: sessionIdOf(decision.session),
          version: entry?.record.version ?? 0,
        };
      default:
        return decision;
    }
  }

  async unregister(ending: SessionEnding): Promise<UnregisterResult> {
    this.#checkOpen();
    this.#counts.unregister += 1;
    const { userId, deviceId } = ending;
    const entry = this.#find(userId);
    const moment = this.#moment();
    const decision = decideUnregister(entry?.record, ending, moment, this.#rules);
    switch (decision.kind) {
      case "ended":
        this.#commit(userId, decision.record, decision.change, moment);
        return { kind: "ended" };
      case "grace": {
        const before = entry?.deadlines.get(deviceId) ?? Number.POSITIVE_INFINITY;
        this.#commit(userId, decision.record, undefined, moment);
        this.#setDeadline(userId, deviceId, Math.min(before, moment.clockMs + this.#rules.graceMs));
        return { kind: "grace" };
      }
      case "left-alone":
        return { kind: decision.why };
    }
  }

  refresh(session: SessionRef, reply: RefreshReply, tag: number): void {
    reply(this.#isOpen ? this.#heartbeat(session) : { kind: "failed", error: unavailable() }, tag);
  }

  #heartbeat({ userId, deviceId, sessionId }: SessionRef): RefreshResult {
    this.#counts.refresh += 1;
    const record = this.#find(userId)?.record;
    const moment = this.#moment();
    const decision = decideHeartbeat(record?.devices.get(deviceId), sessionId);
    switch (decision.kind) {
      case "live":
        this.#extend(userId, deviceId, moment.clockMs + this.#rules.ttlMs);
        return { kind: "refreshed" };
      case "revivable": {
        const revival = decideRevive(record, deviceId, moment, this.#rules);
        if (revival.kind !== "revived") return { kind: "missing" };
        this.#commit(userId, revival.record, revival.change, moment);
        this.#extend(userId, deviceId, moment.clockMs + this.#rules.ttlMs);
        return { kind: "refreshed" };
      }
      default:
        return decision;
    }
  }

  async users(userIds: readonly string[]): Promise<UserView[]> {
    this.#checkOpen();
    this.#counts.users += 1;
    return userIds.map((userId) => this.#view(userId));
  }

  async tick(_shard: number, limit: number): Promise<Tick> {
    this.#checkOpen();
    this.#counts.tick += 1;
    this.#shardClock = tickShardClock(this.#shardClock, this.#nowMs(), this.#capMs);
    const moment = this.#moment();
    const due: { userId: string; deviceId: string; deadlineMs: number }[] = [];
    for (const [userId, { deadlines }] of this.#users) {
      for (const [deviceId, deadlineMs] of deadlines) {
        if (deadlineMs <= moment.clockMs) due.push({ userId, deviceId, deadlineMs });
      }
    }
    due.sort((a, b) => a.deadlineMs - b.deadlineMs);
    const lagMs = due[0] === undefined ? 0 : moment.clockMs - due[0].deadlineMs;
    let expired = 0;
    for (const { userId, deviceId, deadlineMs } of due.slice(0, limit)) {
      const record = this.#users.get(userId)?.record;
      const current = record?.devices.get(deviceId)?.current;
      if (current === undefined) continue;
      const member = current.state === "grace" ? { graceOf: deviceId } : { sessionId: sessionIdOf(current.session) };
      const decision = decideExpire(record, member, deadlineMs, moment, this.#rules);
      if (decision.kind === "stale") continue;
      this.#commit(userId, decision.record, decision.change, moment);
      expired += 1;
    }
    for (const userId of this.#users.keys()) this.#find(userId);
    return {
      clockMs: moment.clockMs,
      expired,
      lagMs,
      lastVersion: this.#log.lastVersion,
      sessions: this.#sessions,
      usersOnline: this.#usersOnline,
      logLength: this.#log.length,
    };
  }

  async lastVersion(_shard: number): Promise<number> {
    this.#checkOpen();
    return this.#log.lastVersion;
  }

  async readLog(_shard: number, after: number, limit: number) {
    this.#checkOpen();
    return this.#log.read(after, limit);
  }

  follow(_shard: number, listener: LogListener): () => void {
    return this.#log.follow(listener);
  }

  async *scanOnline(_shard: number): AsyncIterable<UserView[]> {
    this.#checkOpen();
    let page: UserView[] = [];
    for (const [userId, { record }] of this.#users) {
      if (!record.online) continue;
      page.push(this.#view(userId));
      if (page.length < pageUsers) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  async announceNode(nodeId: string, ttlMs: number): Promise<number> {
    this.#checkOpen();
    return this.#desk.announce(nodeId, ttlMs, this.#clock.monotonicMs());
  }

  async withdrawNode(nodeId: string): Promise<void> {
    this.#checkOpen();
    this.#desk.withdraw(nodeId);
  }

  async claim(_shard: number, nodeId: string, leaseMs: number): Promise<PublisherLease | undefined> {
    this.#checkOpen();
    return this.#desk.claim(nodeId, leaseMs, this.#clock.monotonicMs());
  }

  async release(_shard: number, nodeId: string): Promise<void> {
    this.#checkOpen();
    this.#desk.release(nodeId);
  }

  async advance(_shard: number, fence: number, cursors: Readonly<Record<string, number>>): Promise<boolean> {
    this.#checkOpen();
    const passed = this.#desk.advance(fence, cursors);
    if (passed === undefined) return false;
    this.#log.trim(Math.min(passed, this.#clock.nowUs() - watchersMs * 1000));
    return true;
  }

  #commit(userId: string, record: UserRecord, change: Change | undefined, moment: Moment): number {
    const entry = this.#users.get(userId);
    const version = change === undefined ? record.version : nextVersion(this.#log.lastVersion, moment.nowUs);
    const deadlines = entry?.deadlines ?? new Map<string, number>();
    this.#sessions -= deadlines.size;
    for (const deviceId of deadlines.keys()) {
      if (record.devices.get(deviceId)?.current === undefined) deadlines.delete(deviceId);
    }
    this.#sessions += deadlines.size;
    this.#usersOnline += Number(record.online) - Number(entry?.record.online ?? false);
    this.#users.set(userId, { record: { ...record, version }, deadlines });
    if (change !== undefined) {
      const lastSeenMs = change.online ? 0 : record.lastSeenMs;
      this.#log.append({ userId, ...change, version, lastSeenMs, shard });
    }
    return version;
  }

  #extend(userId: string, deviceId: string, deadlineMs: number): void {
    this.#setDeadline(userId, deviceId, Math.max(deadlineMs, this.#users.get(userId)?.deadlines.get(deviceId) ?? 0));
  }

  #setDeadline(userId: string, deviceId: string, deadlineMs: number): void {
    const deadlines = this.#users.get(userId)?.deadlines;
    if (deadlines === undefined) return;
    if (!deadlines.has(deviceId)) this.#sessions += 1;
    deadlines.set(deviceId, deadlineMs);
  }

  /** The user's entry, unless it outlived the retention. */
  #find(userId: string): Entry | undefined {
    const entry = this.#users.get(userId);
    if (entry === undefined || entry.record.online) return entry;
    if (Math.floor(entry.record.version / 1000) + this.#retentionMs > this.#nowMs()) return entry;
    this.#users.delete(userId);
    return undefined;
  }

  #view(userId: string): UserView {
    const record = this.#find(userId)?.record;
    if (record === undefined) {
      return { userId, online: false, version: this.#log.lastVersion, lastSeenMs: 0, shard, devices: [] };
    }
    const devices: DeviceView[] = [];
    for (const [deviceId, { current }] of record.devices) {
      if (current?.state !== "live") continue;
      const { instanceId, order } = current.session;
      devices.push({ deviceId, instanceId, connectedAtMs: Math.floor(order / 1000) });
    }
    devices.sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
    const lastSeenMs = record.online ? 0 : record.lastSeenMs;
    return { userId, online: record.online, version: record.version, lastSeenMs, shard, devices };
  }

  #moment(): Moment {
    const nowUs = this.#clock.nowUs();
    const clockMs = readShardClock(this.#shardClock, Math.floor(nowUs / 1000), this.#capMs);
    return { nowUs, clockMs, beginUs: 0, contestedUntilMs: 0 };
  }

  #nowMs(): number {
    return Math.floor(this.#clock.nowUs() / 1000);
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw unavailable();
  }

  #checkRoom(): void {
    if (this.#sessions < this.#maxSessions) return;
    const limit = this.#maxSessions;
    throw new PresenceError("RESOURCE_EXHAUSTED", `the store holds ${limit} sessions, its limit: use Redis for more`);
  }
}

function unavailable(): PresenceError {
  return new PresenceError("UNAVAILABLE", "the memory store is closed");
}
