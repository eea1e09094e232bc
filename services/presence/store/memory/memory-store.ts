import type { Clock } from "@realchat/presence-runtime";
import type { Activity } from "../../domain/activity.ts";
import type { Closing } from "../../domain/block.ts";
import type { NewClaim } from "../../domain/claims.ts";
import type { LogEntry } from "../../domain/log-entry.ts";
import { PresenceError } from "../../domain/presence-error.ts";
import type { SessionRef } from "../../domain/session.ts";
import type { DisconnectReason } from "../../domain/transition.ts";
import type {
  CloseResult,
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
  StoreHealth,
  StoreMetrics,
  Tick,
  UnregisterResult,
  UserView,
} from "../store.ts";
import { SessionLister } from "./listing/session-lister.ts";
import { Leases } from "./publishing/leases.ts";
import { UserReader } from "./records/user-reader.ts";
import { UserRecords } from "./records/user-records.ts";
import { Restating } from "./restating/restating.ts";
import { MemoryShard } from "./shard/memory-shard.ts";
import { type ShardOptions, ShardState } from "./shard/shard-state.ts";
import { ShardTicks } from "./shard/shard-ticks.ts";
import { UserClaims } from "./status/user-claims.ts";

export type MemoryStoreOptions = ShardOptions;

const pageUsers = 500;
const noCalls = { register: 0, unregister: 0, close: 0, refresh: 0, status: 0, users: 0, list: 0, tick: 0, lease: 0 };

/** Presence's state in this process: one shard, gone with the process. */
export function createMemoryStore(options: MemoryStoreOptions, clock: Clock): PresenceStore {
  return new MemoryStore(options, clock);
}

/** Wires the parts together and counts calls; each part has a file of its own, named as in the store on Redis. */
class MemoryStore implements PresenceStore {
  readonly kind = "memory";
  readonly shardCount = 1;
  readonly #state: ShardState;
  readonly #shard: MemoryShard;
  readonly #ticks: ShardTicks;
  readonly #claims: UserClaims;
  readonly #users: UserReader;
  readonly #lister: SessionLister;
  readonly #leases: Leases;
  readonly #restating: Restating;
  readonly #counts = { ...noCalls };
  #isOpen = false;

  constructor(options: MemoryStoreOptions, clock: Clock) {
    const state = new ShardState(options, clock);
    const records = new UserRecords(state);
    this.#state = state;
    this.#shard = new MemoryShard(state, records);
    this.#users = new UserReader(state, records);
    this.#claims = new UserClaims(state, records, this.#users);
    this.#ticks = new ShardTicks(state, records, this.#claims);
    this.#lister = new SessionLister(state, records);
    this.#leases = new Leases(state, clock);
    this.#restating = new Restating(state, records, this.#leases);
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
    const { records, log, logMaxEntries } = this.#state;
    const operations = Object.entries(this.#counts).map(([kind, count]) => [kind, { count, failed: 0, totalMs: 0 }]);
    return {
      operations: Object.fromEntries(operations),
      unreadable: { records: 0, entries: 0 },
      heartbeats: { delivered: 0, lost: 0, withheld: 0 },
      connectionsLost: { closed: 0 },
      failingShards: 0,
      begins: {},
      bounds: { sessions: records.rows, log: { used: log.length, limit: logMaxEntries } },
    };
  }

  async register(registration: Registration): Promise<RegisterResult> {
    this.#called("register");
    return this.#shard.register(registration);
  }

  async unregister(ending: SessionEnding): Promise<UnregisterResult> {
    this.#called("unregister");
    return this.#shard.unregister(ending);
  }

  async closeSessions(closing: Closing): Promise<CloseResult> {
    this.#called("close");
    return this.#shard.close(closing);
  }

  refresh(session: Heartbeat, reply: RefreshReply, tag: number): void {
    let result: RefreshResult;
    try {
      this.#checkOpen();
      this.#counts.refresh += 1;
      result = this.#shard.refresh(session);
    } catch (error) {
      result = { kind: "failed", error: error as Error };
    }
    reply(result, tag);
  }

  async statusesMissing(): Promise<undefined> {}

  async setStatus(userId: string, claim: NewClaim): Promise<StatusResult> {
    this.#called("status");
    return this.#claims.set(userId, claim);
  }

  async clearStatus(userId: string, claimId: string, setAtMs: number | undefined): Promise<StatusResult> {
    this.#called("status");
    return this.#claims.clear(userId, claimId, setAtMs);
  }

  async setActivity(session: SessionRef, activity: Activity): ReturnType<StatusStore["setActivity"]> {
    this.#called("status");
    return this.#shard.setActivity(session, activity);
  }

  async claimsOf(userId: string): ReturnType<StatusStore["claimsOf"]> {
    this.#called("status");
    return this.#claims.of(userId);
  }

  async openLease(leaseId: string, instanceId: string): Promise<LeaseResult> {
    this.#called("lease");
    const { leases, clocks, begin: begins } = this.#state;
    if (!leases.open(leaseId, instanceId, clocks.moment())) return { kind: "closed" };
    return { kind: "kept", missing: false, partial: false, begins };
  }

  async keepLease(leaseId: string): Promise<LeaseResult> {
    this.#called("lease");
    const { leases, clocks, begin: begins } = this.#state;
    const state = leases.keep(leaseId, clocks.clockMs());
    if (state === "closed") return { kind: "closed" };
    return { kind: "kept", missing: state !== "open", partial: false, begins };
  }

  async closeLease(leaseId: string, reason: DisconnectReason): Promise<void> {
    this.#called("lease");
    const { leases, clocks } = this.#state;
    leases.close(leaseId, reason, clocks.clockMs());
  }

  async users(userIds: readonly string[]): Promise<UserView[]> {
    this.#called("users");
    const moment = this.#state.clocks.moment();
    return userIds.map((userId) => this.#users.view(userId, moment));
  }

  async sessionsOf(userId: string): Promise<SessionView[]> {
    this.#called("list");
    return this.#lister.ofUser(userId);
  }

  async sessionsAt(instanceId: string, cursor: string): Promise<{ sessions: SessionView[]; cursor: string }> {
    this.#called("list");
    return this.#lister.ofInstance(instanceId, cursor);
  }

  async leasesAfter(leaseId: string, limit: number): Promise<LeaseView[]> {
    this.#called("list");
    return this.#lister.leasesAfter(leaseId, limit);
  }

  async tick(_shard: number, limit: number): Promise<Tick> {
    this.#called("tick");
    return this.#ticks.tick(limit);
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
    return this.#restating.step(cursor, duties);
  }

  async completeRestating(_shard: number, duty: RestateDuty): Promise<boolean> {
    this.#checkOpen();
    return this.#restating.complete(duty);
  }

  async beginRestating(_shard: number, fence: number): Promise<number | undefined> {
    this.#checkOpen();
    return this.#restating.begin(fence);
  }

  async lastVersion(_shard: number): Promise<number> {
    this.#checkOpen();
    return this.#state.log.lastVersion;
  }

  async readLog(_shard: number, after: number, limit: number): Promise<{ entries: LogEntry[]; gap: boolean }> {
    this.#checkOpen();
    return this.#state.log.read(after, limit);
  }

  follow(_shard: number, listener: LogListener): () => void {
    return this.#state.log.follow(listener);
  }

  async *scanOnline(_shard: number): AsyncIterable<UserView[]> {
    this.#checkOpen();
    for (const userIds of this.#state.records.online(pageUsers)) yield await this.users(userIds);
  }

  async announceNode(nodeId: string, ttlMs: number): Promise<number> {
    this.#checkOpen();
    return this.#leases.announceNode(nodeId, ttlMs);
  }

  async withdrawNode(nodeId: string): Promise<void> {
    this.#checkOpen();
    this.#leases.withdrawNode(nodeId);
  }

  async claim(_shard: number, nodeId: string, leaseMs: number): Promise<PublisherLease | undefined> {
    this.#checkOpen();
    return this.#leases.claim(nodeId, leaseMs);
  }

  async release(_shard: number, nodeId: string): Promise<void> {
    this.#checkOpen();
    this.#leases.release(nodeId);
  }

  async advance(_shard: number, fence: number, cursors: Readonly<Record<string, number>>): Promise<boolean> {
    this.#checkOpen();
    return this.#leases.advance(fence, cursors);
  }

  #called(kind: keyof typeof noCalls): void {
    this.#checkOpen();
    this.#counts[kind] += 1;
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw new PresenceError("UNAVAILABLE", "the memory store is closed");
  }
}
