import type { Activity } from "../../services/presence/domain/activity.ts";
import type { Closing } from "../../services/presence/domain/block.ts";
import type { NewClaim } from "../../services/presence/domain/claims.ts";
import type { Rules } from "../../services/presence/domain/decisions.ts";
import { countsUntil, type TwoClocks } from "../../services/presence/domain/late-change.ts";
import { type Lease, sumOfBegins } from "../../services/presence/domain/lease.ts";
import { PresenceError } from "../../services/presence/domain/presence-error.ts";
import { type SessionRef, sessionIdOf, type UserRecord } from "../../services/presence/domain/session.ts";
import { shardOf } from "../../services/presence/domain/shard.ts";
import { tickCapMs } from "../../services/presence/domain/shard-clock.ts";
import { statusIn } from "../../services/presence/domain/status-change.ts";
import type { DisconnectReason } from "../../services/presence/domain/transition.ts";
import { leaseMember, sessionMember } from "../../services/presence/store/redis/keys.ts";
import { KeptHeartbeats, type UndecidedHeartbeat } from "../../services/presence/store/redis/shard/kept-heartbeats.ts";
import { ReckonedClock } from "../../services/presence/store/redis/shard/reckoned-clock.ts";
import { type PendingBound, RefreshQueue } from "../../services/presence/store/redis/shard/refresh-queue.ts";
import { StoreTime } from "../../services/presence/store/redis/shard/store-time.ts";
import type {
  Heartbeat,
  LeaseResult,
  LogListener,
  PresenceStore,
  RefreshReply,
  RefreshResult,
  Registration,
  RestateDuty,
  RestateStep,
  SessionEnding,
  SessionView,
  StatusResult,
  StoreHealth,
  StoreMetrics,
  Tick,
  UserView,
} from "../../services/presence/store/store.ts";
import type { Path } from "../network/path.ts";
import type { Machine } from "../time/machine.ts";
import { ServerConnection, silenceMs, unavailable } from "./server-connection.ts";
import { NoClock, type SimulatedRedis, type TickReply, TooLate } from "./simulated-redis.ts";

const attemptsMax = 3;
/** No user has this id: its sessions are the leases. */
const nobody = "";

interface RedisLinkOptions {
  readonly machine: Machine;
  readonly path: Path;
  readonly redis: SimulatedRedis;
  readonly rules: Rules;
}

/** A shard as this node knows it. */
interface KnownShard {
  readonly clock: ReckonedClock;
  readonly time: StoreTime;
  readonly kept: KeptHeartbeats;
  readonly refreshes: RefreshQueue;
  /** By lease, those with something to do. */
  readonly verifications: Map<string, RefreshQueue>;
  begin: number;
  hiddenLeases: ReadonlySet<string>;
  incarnation: string;
  /** By the last tick, of that incarnation; and the highest seen since, of whichever. */
  tickedVersion: number;
  lastVersion: number;
  recoveringMs: number;
  dataSince: number;
  isProven: boolean;
  fresh: string;
  readonly listeners: Set<LogListener>;
}

/**
 * A node's store on the Redis that all nodes share, as RedisStore is one: its ticks come first on every connection and
 * carry what the node knows and the heartbeats that were not confirmed. Queues, kept heartbeats and reckoned clocks are
 * RedisStore's own.
 */
export class RedisLink implements PresenceStore {
  readonly kind = "redis";
  readonly shardCount: number;
  readonly connection: ServerConnection;
  readonly #options: RedisLinkOptions;
  readonly #shards: KnownShard[];
  readonly #pending: PendingBound = { used: 0, limit: 10_000 };
  readonly #counts = { delivered: 0, lost: 0, withheld: 0 };
  #unfollow: (() => void)[] = [];

  constructor(options: RedisLinkOptions) {
    const { machine, path, redis, rules } = options;
    this.#options = options;
    this.shardCount = redis.shardCount;
    const bound = { used: 0, limit: 10_000 };
    this.#shards = Array.from({ length: redis.shardCount }, (_, shard) => ({
      clock: new ReckonedClock(tickCapMs(rules.ttlMs)),
      time: new StoreTime(),
      kept: new KeptHeartbeats(bound, this.#counts),
      refreshes: this.#queue(shard),
      verifications: new Map(),
      ...{
        begin: 0,
        hiddenLeases: new Set<string>(),
        incarnation: "",
        tickedVersion: 0,
        lastVersion: 0,
        recoveringMs: 0,
        dataSince: 0,
        isProven: false,
        fresh: this.#randomId(),
      },
      listeners: new Set(),
    }));
    this.connection = new ServerConnection({
      machine,
      server: redis.machine,
      path,
      prepare: () => this.#prepare(),
      onReady: () => this.#listenToAll(),
      onLost: () => this.#lost(),
    });
  }

  async open(): Promise<void> {
    this.connection.connect();
  }

  async close(): Promise<void> {
    this.connection.abandon();
  }

  /** The node is gone. */
  abandon(): void {
    this.connection.abandon();
    this.#lost();
  }

  health(): StoreHealth {
    const isReady = this.connection.isReady;
    return {
      ready: isReady,
      serves: isReady,
      detail: isReady ? "connected" : "no connection",
      full: undefined,
      eviction: undefined,
      settings: { risks: [], unknown: undefined },
    };
  }

  metrics(): StoreMetrics {
    return {
      operations: {},
      bounds: {},
      unreadable: { records: 0, entries: 0 },
      heartbeats: this.#counts,
      connectionsLost: {},
      failingShards: 0,
      begins: {},
    };
  }

  isRecovering(shard: number): boolean {
    return this.#shard(shard).recoveringMs > 0;
  }

  dataSince(shard: number): number {
    return this.#shard(shard).dataSince;
  }

  async tick(shard: number, limit: number): Promise<Tick> {
    const tick = await this.#tick(shard, limit);
    void this.#decideKept(shard);
    return tick;
  }

  async register(registration: Registration) {
    const shard = this.#shardOf(registration.userId);
    const result = await this.#change(shard, (redis, until) => redis.register(shard, registration, until));
    if ("version" in result) this.#saw(shard, result.version);
    return result;
  }

  openLease(leaseId: string, instanceId: string): Promise<LeaseResult> {
    return this.#inEachShard(async (shard) => {
      const isOpen = await this.#change(shard, (redis, until) => redis.openLease(shard, leaseId, instanceId, until));
      return isOpen ? "open" : "closed";
    });
  }

  keepLease(leaseId: string): Promise<LeaseResult> {
    const heartbeat = { userId: nobody, deviceId: "", sessionId: leaseId };
    const states = { refreshed: "open", missing: undefined, superseded: "closed", closed: "closed" } as const;
    return this.#inEachShard(async (shard) => {
      const result = await new Promise<RefreshResult>((resolve) => this.#refresh(shard, heartbeat, resolve, 0));
      if (result.kind === "failed") throw result.error;
      return states[result.kind];
    });
  }

  async closeLease(leaseId: string, reason: DisconnectReason): Promise<void> {
    const close = (shard: number) => this.#withClock(shard, (redis) => redis.closeLease(shard, leaseId, reason));
    const failed = (await Promise.allSettled([...this.#shards.keys()].map(close))).find(
      ({ status }) => status === "rejected",
    );
    if (failed?.status === "rejected") throw failed.reason;
  }

  unregister(ending: SessionEnding) {
    const shard = this.#shardOf(ending.userId);
    return this.#change(shard, (redis, until) => redis.unregister(shard, ending, until));
  }

  closeSessions(closing: Closing) {
    const shard = this.#shardOf(closing.userId);
    return this.#change(shard, (redis, until) => redis.closeSessions(shard, closing, until));
  }

  async statusesMissing(): Promise<undefined> {}

  setStatus(userId: string, claim: NewClaim): Promise<StatusResult> {
    return this.#claim(userId, (redis, shard, until) => redis.setStatus(shard, userId, claim, until));
  }

  clearStatus(userId: string, claimId: string, setAtMs: number | undefined): Promise<StatusResult> {
    const claim = { claimId, setAtMs };
    return this.#claim(userId, (redis, shard, until) => redis.clearStatus(shard, userId, claim, until));
  }

  setActivity(session: SessionRef, activity: Activity): ReturnType<PresenceStore["setActivity"]> {
    const shard = this.#shardOf(session.userId);
    return this.#change(shard, (redis, until) => redis.heartbeat(shard, session, until, activity));
  }

  claimsOf(userId: string): ReturnType<PresenceStore["claimsOf"]> {
    return this.#call((redis) => redis.claimsOf(this.#shardOf(userId), userId));
  }

  async sessionsOf(userId: string): Promise<SessionView[]> {
    const { records } = await this.#call((redis) => redis.read(this.#shardOf(userId), [userId]));
    return [...(records[0]?.devices ?? [])].flatMap(([deviceId, { current }]) => {
      if (current?.state !== "live") return [];
      const { session, leaseId } = current;
      const { instanceId } = session;
      return [{ userId, deviceId, sessionId: sessionIdOf(session), instanceId, leaseId, connectedAtMs: 0 }];
    });
  }

  /** Nobody lists gateways in a simulation. */
  async sessionsAt(): Promise<{ sessions: []; cursor: "" }> {
    return { sessions: [], cursor: "" };
  }

  async leasesAfter(): Promise<[]> {
    return [];
  }

  refresh(session: Heartbeat, reply: RefreshReply, tag: number): void {
    this.#refresh(this.#shardOf(session.userId), session, reply, tag);
  }

  async users(userIds: readonly string[]): Promise<UserView[]> {
    const views = new Map<string, UserView>();
    const byShard = Map.groupBy(userIds, (userId) => this.#shardOf(userId));
    await Promise.all(
      [...byShard].map(async ([shard, ids]) => {
        for (const view of await this.#readShard(shard, ids)) views.set(view.userId, view);
      }),
    );
    return userIds.map((userId) => views.get(userId) as UserView);
  }

  async mend() {
    return { cursor: "", given: 0, dropped: 0, recounted: 0 };
  }

  async restate(_cursor: string, duties: ReadonlyMap<number, RestateDuty>): Promise<RestateStep> {
    let restated = 0;
    const undone = new Set<number>();
    const failed = new Set<number>();
    for (const [shard, duty] of duties) {
      try {
        const count = await this.#call((redis) => redis.restate(shard, duty));
        if (count === undefined) undone.add(shard);
        else restated += count;
      } catch {
        failed.add(shard);
      }
    }
    return { cursor: "", restated, undone, failed };
  }

  completeRestating(shard: number, duty: RestateDuty) {
    return this.#call((redis) => redis.completeRestating(shard, duty));
  }

  beginRestating(shard: number, fence: number) {
    return this.#call((redis) => redis.beginRestating(shard, fence));
  }

  lastVersion(shard: number) {
    return this.#call((redis) => redis.lastVersion(shard));
  }

  async readLog(shard: number, after: number, limit: number) {
    const page = await this.#call((redis) => redis.readLog(shard, after, limit));
    this.#saw(shard, page.entries.at(-1)?.version ?? 0);
    return page;
  }

  follow(shard: number, listener: LogListener): () => void {
    const { listeners } = this.#shard(shard);
    listeners.add(listener);
    if (this.connection.isReady) this.#listen(shard, listener);
    return () => listeners.delete(listener);
  }

  async *scanOnline(shard: number): AsyncIterable<UserView[]> {
    const userIds = await this.#call((redis) => redis.userIds(shard));
    const views = await this.#readShard(shard, userIds);
    yield views.filter(({ online }) => online);
  }

  announceNode(nodeId: string, ttlMs: number) {
    return this.#call((redis) => redis.announceNode(nodeId, ttlMs));
  }

  withdrawNode(nodeId: string) {
    return this.#call((redis) => redis.withdrawNode(nodeId));
  }

  claim(shard: number, nodeId: string, leaseMs: number) {
    return this.#call((redis) => redis.claim(shard, nodeId, leaseMs));
  }

  release(shard: number, nodeId: string) {
    return this.#call((redis) => redis.release(shard, nodeId));
  }

  advance(shard: number, fence: number, cursors: Readonly<Record<string, number>>) {
    return this.#call((redis) => redis.advance(shard, fence, cursors));
  }

  async #claim(
    userId: string,
    run: (redis: SimulatedRedis, shard: number, until: TwoClocks) => StatusResult,
  ): Promise<StatusResult> {
    const shard = this.#shardOf(userId);
    const result = await this.#change(shard, (redis, until) => run(redis, shard, until));
    if (result.kind === "done") this.#saw(shard, result.version);
    return result;
  }

  /** As RedisShard does. */
  #refresh(shard: number, session: Heartbeat, reply: RefreshReply, tag: number): void {
    const { userId, sessionId, leaseId = "" } = session;
    const member = sessionId === "" ? undefined : sessionMember(userId, sessionId);
    if (this.connection.isReady) {
      const queue = leaseId === "" ? this.#shard(shard).refreshes : this.#verificationsOf(shard, leaseId);
      queue.add(session, member, reply, tag);
      return;
    }
    if (leaseId === "") this.#keep(shard, session, member, this.#options.machine.monotonicMs());
    reply({ kind: "failed", error: unavailable() }, tag);
  }

  #queue(shard: number): RefreshQueue {
    const { redis, machine, rules } = this.#options;
    return new RefreshQueue(
      {
        extend: async (members) => {
          const clockMs = await this.#clockMs(shard);
          const ttlMs = (member: string) => (member.startsWith(leaseMember("")) ? rules.leaseTtlMs : rules.ttlMs);
          const extensions = members.map((member) => ({ member, atMs: clockMs + ttlMs(member) }));
          return await this.#call(() => redis.extend(shard, extensions));
        },
        present: (members) => this.#call(() => redis.present(shard, members)),
        decide: (session) => this.#decide(shard, session),
        nowMs: () => machine.monotonicMs(),
        keep: (session, member, atMs) => this.#keep(shard, session, member, atMs),
      },
      this.#pending,
    );
  }

  #verificationsOf(shard: number, leaseId: string): RefreshQueue {
    const { verifications } = this.#shard(shard);
    const queue = verifications.get(leaseId);
    if (queue !== undefined) return queue;
    const { redis, machine, rules } = this.#options;
    const isOpen = () => this.#call(() => redis.leaseState(shard, leaseId) === "open");
    const created = new RefreshQueue(
      {
        extend: async (members) => {
          const atMs = (await this.#clockMs(shard)) + rules.leasedTtlMs;
          const extensions = members.map((member) => ({ member, atMs }));
          const extend = this.#call(() => redis.extendLeased(shard, leaseId, extensions));
          const [isThere, extended] = await Promise.all([isOpen(), extend]);
          return isThere ? extended : 0;
        },
        present: async (members) => {
          const look = this.#call(() => redis.presentUnder(shard, leaseId, members));
          const [isThere, present] = await Promise.all([isOpen(), look]);
          return present.map((is) => isThere && is);
        },
        decide: (session) => this.#decide(shard, session),
        nowMs: () => machine.monotonicMs(),
        keep() {},
        idle: () => verifications.delete(leaseId),
      },
      this.#pending,
    );
    verifications.set(leaseId, created);
    return created;
  }

  /** Asks all shards about a lease, whatever happens in one. */
  async #inEachShard(ask: (shard: number) => Promise<Lease["state"] | undefined>): Promise<LeaseResult> {
    const answers = await Promise.allSettled([...this.#shards.keys()].map(ask));
    const begins = this.#shards.filter((_, shard) => answers[shard]?.status === "fulfilled").map(({ begin }) => begin);
    const states = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    if (states.includes("closed")) return { kind: "closed" };
    const failed = answers.find(({ status }) => status === "rejected");
    if (begins.length === 0 && failed?.status === "rejected") throw failed.reason;
    const partial = begins.length < this.shardCount;
    return { kind: "kept", missing: states.includes(undefined), partial, begins: sumOfBegins(begins) };
  }

  async #prepare(): Promise<void> {
    for (const [shard, known] of this.#shards.entries()) {
      known.clock.interrupted();
      known.isProven = false;
      await this.#tick(shard, 0, true);
    }
  }

  async #tick(shard: number, limit: number, isFirst = false): Promise<Tick> {
    const { redis, machine } = this.#options;
    const known = this.#shard(shard);
    const sentMs = machine.monotonicMs();
    const load = known.kept.load(sentMs);
    const args = {
      limit,
      reckonedMs: known.clock.highestMs,
      reckonedUs: known.time.orderUs(sentMs),
      witness: { incarnation: known.incarnation, tickedVersion: known.tickedVersion, version: known.lastVersion },
      fresh: known.fresh,
      advance: load.advance,
      kept: load.heartbeats,
    };
    let reply: TickReply;
    try {
      reply = await this.connection.call(() => redis.tick(shard, args), isFirst);
    } catch (error) {
      known.kept.tickFailed();
      throw error;
    }
    const answeredMs = machine.monotonicMs();
    known.kept.ticked(load, reply.missing, reply.isAdvanced, answeredMs);
    known.clock.ticked(reply.tick.clockMs, sentMs);
    known.time.ticked(reply, sentMs, answeredMs);
    known.incarnation = reply.incarnation;
    known.tickedVersion = reply.tick.lastVersion;
    known.recoveringMs = reply.tick.recoveringMs;
    known.dataSince = reply.dataSince;
    known.begin = reply.tick.begin;
    known.hiddenLeases = new Set(reply.hidden);
    known.isProven = true;
    if (reply.begun !== undefined) known.fresh = this.#randomId();
    this.#saw(shard, reply.tick.lastVersion);
    return reply.tick;
  }

  async #clockMs(shard: number): Promise<number> {
    const { clock } = this.#shard(shard);
    return clock.readMs(this.#options.machine.monotonicMs()) ?? (await this.#tick(shard, 0)).clockMs;
  }

  async #decide(shard: number, heartbeat: Heartbeat): Promise<RefreshResult> {
    const { userId, sessionId } = heartbeat;
    if (userId !== nobody) return this.#change(shard, (redis, until) => redis.heartbeat(shard, heartbeat, until));
    const state = await this.#call((redis) => redis.leaseState(shard, sessionId));
    return { kind: state === "closed" ? "superseded" : "missing" };
  }

  /** A tick comes first, and again where the clock is missing. */
  async #withClock<Result>(shard: number, run: (redis: SimulatedRedis) => Result): Promise<Result> {
    if (!this.#shard(shard).isProven) await this.#tick(shard, 0);
    try {
      return await this.#call(run);
    } catch (error) {
      if (!(error instanceof NoClock)) throw error;
      await this.#tick(shard, 0);
      return await this.#call(run);
    }
  }

  /** As ShardChanges does: a tick first, and again where the clock is missing, or was stepped. */
  async #change<Result>(shard: number, run: (redis: SimulatedRedis, until: TwoClocks) => Result): Promise<Result> {
    const { machine } = this.#options;
    const known = this.#shard(shard);
    const askedMs = machine.monotonicMs();
    const attempt = () => {
      const asked = { nowUs: known.time.readUs(askedMs), clockMs: known.clock.boundMs(askedMs) ?? 0 };
      const until = countsUntil(asked, silenceMs);
      return this.#call((redis) => run(redis, until));
    };
    if (!known.isProven) await this.#tick(shard, 0);
    try {
      return await attempt();
    } catch (error) {
      const isInTime = error instanceof TooLate && machine.monotonicMs() - askedMs < silenceMs;
      if (!isInTime && !(error instanceof NoClock)) throw late(error);
      await this.#tick(shard, 0);
      return await attempt().catch((again) => {
        throw late(again);
      });
    }
  }

  #keep(shard: number, session: Heartbeat, member: string | undefined, atMs: number): void {
    const { clock, kept } = this.#shard(shard);
    kept.keep(session, member, { reckonedMs: clock.boundMs(atMs), atMs });
  }

  async #decideKept(shard: number): Promise<void> {
    const { kept } = this.#shard(shard);
    const decide = async (heartbeat: UndecidedHeartbeat) => {
      await this.#decide(shard, heartbeat.session);
      kept.decided(heartbeat);
    };
    await Promise.allSettled(kept.undecided(100).map(decide));
  }

  async #readShard(shard: number, userIds: readonly string[]): Promise<UserView[]> {
    const known = this.#shard(shard);
    if (!known.isProven) await this.#tick(shard, 0);
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const knownVersion = known.lastVersion;
      const knownIncarnation = known.incarnation;
      const { records, incarnation } = await this.#call((redis) => redis.read(shard, userIds));
      if (incarnation === knownIncarnation || records.every((record) => record?.online)) {
        const { hiddenLeases } = known;
        return userIds.map((userId, index) => viewOf(userId, shard, records[index], knownVersion, hiddenLeases));
      }
      await this.#tick(shard, 0);
    }
    throw new PresenceError("UNAVAILABLE", "the shard began anew while it was read");
  }

  #listenToAll(): void {
    for (const [shard, { listeners }] of this.#shards.entries()) for (const one of listeners) this.#listen(shard, one);
  }

  #listen(shard: number, listener: LogListener): void {
    const { connection } = this;
    const { number } = connection;
    const { redis } = this.#options;
    const tell = (run: () => void) =>
      connection.tell(number, () => {
        if (this.#shard(shard).listeners.has(listener)) run();
      });
    const start = () => {
      if (number !== connection.number) return;
      const unfollow = redis.follow(shard, {
        entry: (entry) =>
          tell(() => {
            this.#saw(shard, entry.version);
            listener.entry(entry);
          }),
        interrupted() {},
        devicesChanged: (userId) => tell(() => listener.devicesChanged?.(userId)),
        leaseNotice: (notice) => tell(() => listener.leaseNotice?.(notice)),
      });
      this.#unfollow.push(unfollow);
      tell(() => listener.interrupted());
    };
    connection.call(start).catch(() => {});
  }

  #lost(): void {
    for (const unfollow of this.#unfollow) unfollow();
    this.#unfollow = [];
    for (const known of this.#shards) {
      known.clock.interrupted();
      known.isProven = false;
    }
  }

  #call<Result>(operation: (redis: SimulatedRedis) => Result): Promise<Result> {
    return this.connection.call(() => operation(this.#options.redis));
  }

  #saw(shard: number, version: number): void {
    const known = this.#shard(shard);
    known.lastVersion = Math.max(known.lastVersion, version);
  }

  #shard(shard: number): KnownShard {
    return this.#shards[shard] as KnownShard;
  }

  #shardOf(userId: string): number {
    return shardOf(userId, this.shardCount);
  }

  #randomId(): string {
    return Math.floor(this.#options.machine.random() * 2 ** 52).toString(36);
  }
}

/** What a caller is told of an error. */
function late(error: unknown): unknown {
  return error instanceof TooLate ? unavailable("it was carried out too late") : error;
}

function viewOf(
  userId: string,
  shard: number,
  record: UserRecord | undefined,
  knownVersion: number,
  hiddenLeases: ReadonlySet<string>,
): UserView {
  if (record === undefined) return { userId, online: false, version: knownVersion, lastSeenMs: 0, shard, devices: [] };
  const devices = [...record.devices].flatMap(([deviceId, { current }]) => {
    if (current?.state !== "live" || hiddenLeases.has(current.leaseId ?? "")) return [];
    const { instanceId, order } = current.session;
    return [{ deviceId, instanceId, connectedAtMs: Math.floor(order / 1_000) }];
  });
  const { online, version } = record;
  const lastSeenMs = online ? 0 : record.lastSeenMs;
  return { userId, online, version, lastSeenMs, shard, devices, status: statusIn(record) };
}
