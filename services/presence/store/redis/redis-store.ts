import {
  EvictionWatch,
  parseRedisUrl,
  type RedisClient,
  RedisError,
  type RedisLink,
  type RedisPlace,
  type RedisServers,
  type Reply,
  SettingsWatch,
  serversAt,
} from "@realchat/presence-redis";
import type { Clock } from "@realchat/presence-runtime";
import type { Activity } from "../../domain/activity.ts";
import type { Closing } from "../../domain/block.ts";
import type { NewClaim } from "../../domain/claims.ts";
import { invariant } from "../../domain/invariant.ts";
import { type LeaseState, sumOfBegins } from "../../domain/lease.ts";
import type { LogEntry } from "../../domain/log-entry.ts";
import type { BeginReason } from "../../domain/recovery.ts";
import type { Rules } from "../../domain/rules.ts";
import type { SessionRef } from "../../domain/session.ts";
import { shardOf } from "../../domain/shard.ts";
import { tickCapMs } from "../../domain/shard-clock.ts";
import type { DisconnectReason } from "../../domain/transition.ts";
import {
  type Begun,
  type CloseResult,
  type Heartbeat,
  type LeaseResult,
  type LeaseView,
  type LogListener,
  type Mended,
  type PresenceStore,
  type PublisherLease,
  type RefreshReply,
  type RegisterResult,
  type Registration,
  type RestateDuty,
  type RestateStep,
  type SessionEnding,
  type SessionView,
  type StatusResult,
  type StatusStore,
  type StoreHealth,
  type StoreMetrics,
  StoreRefusal,
  type Tick,
  type Unreadable,
  type UnregisterResult,
  type UserView,
} from "../store.ts";
import { NodeSupport } from "./health/node-support.ts";
import { Operations } from "./health/operations.ts";
import { readinessOf } from "./health/readiness.ts";
import { checkStore } from "./health/store-check.ts";
import { compareMarks, type StoreMark, schemaVersion } from "./health/store-mark.ts";
import { StoreProbe } from "./health/store-probe.ts";
import { isOfOneShard, Troubles } from "./health/troubles.ts";
import { type ShardKeys, shardKeys, storeKeys } from "./keys.ts";
import { leasesAfter } from "./listing/lease-lister.ts";
import { SessionLister } from "./listing/session-lister.ts";
import { LiveLog } from "./log/live-log.ts";
import { LogReader } from "./log/log-reader.ts";
import { DeadlineWalk } from "./mending/deadline-walk.ts";
import { Mending } from "./mending/mending.ts";
import { Leases } from "./publishing/leases.ts";
import { RecordScan } from "./records/record-scan.ts";
import { Unreadables } from "./records/unreadables.ts";
import { UserReader } from "./records/user-reader.ts";
import { Restating } from "./restating/restating.ts";
import { scriptRules } from "./script-rules.ts";
import { Scripts } from "./scripts.ts";
import type { PendingChanges } from "./shard/change-queue.ts";
import type { KeptBound, KeptCounts } from "./shard/kept-heartbeats.ts";
import { KnownSessions } from "./shard/known-sessions.ts";
import { RedisShard } from "./shard/redis-shard.ts";
import type { PendingBound } from "./shard/refresh-queue.ts";
import { ShardState } from "./shard/shard-state.ts";
import { unavailable } from "./unavailable.ts";

export interface RedisStoreOptions extends RedisPlace {
  /** In front of the names of all keys and channels, without braces: for what shares a Redis. Default: nothing. */
  readonly keyPrefix?: string;
  /** How many shards the users are spread over; fixed when the store is first used. */
  readonly shards: number;
  readonly rules: Rules;
  /** For how long an offline user's record is kept, ms; at least `rules.memoryMs`. */
  readonly retentionMs: number;
  /** Transitions that the log of all shards holds at most; the oldest go. Default 1,000,000. */
  readonly logMaxEntries?: number;
  /** Silence on a connection that is taken for its end, ms; default 2,000. */
  readonly commandTimeoutMs?: number;
  /** Heartbeats that wait or are under way at most; default 100,000. */
  readonly maxPendingRefreshes?: number;
  /** Heartbeats that Redis did not confirm, kept for the next ticks, at most; default 200,000. */
  readonly maxKeptHeartbeats?: number;
  /** Registrations and their ends that wait or are under way at most; default 100,000. */
  readonly maxPendingChanges?: number;
  /** Bytes that these may have; default 64 MiB. */
  readonly maxPendingChangeBytes?: number;
  /** Commands that wait for their reply at most; default 100,000. */
  readonly maxPendingCommands?: number;
  /** Sessions without token that this node remembers at most; default 1,000,000. */
  readonly maxKnownSessions?: number;
  /** Hears once of each thing that another program wrote into it, 1,000 times at most. */
  readonly onUnreadable?: (what: Unreadable) => void;
  /** Hears of each shard that began anew by a tick of this node. */
  readonly onBegin?: (begun: Begun) => void;
  /** Hears that Redis may evict what presence keeps. */
  readonly onEviction?: (detail: string) => void;
  /** Hears of a setting of Redis that makes a failure worse than it need be. */
  readonly onSetting?: (risk: string) => void;
}

/** The port on Redis, and what the redis-pubsub publisher needs besides. */
export interface RedisStore extends PresenceStore {
  /** Publishes on a plain channel; resolves when Redis has it. */
  publish(channel: string, message: Uint8Array): Promise<void>;
}

/**
 * Presence's state in Redis 7 or Valkey, shared by all nodes.
 * @throws TypeError for a URL that is none
 */
export function createRedisStore(options: RedisStoreOptions, clock: Clock): RedisStore {
  return new RedisPresenceStore(options, clock);
}

/** Wires the parts together and picks the shard; each part has a file of its own. */
class RedisPresenceStore implements RedisStore {
  readonly kind = "redis";
  readonly shardCount: number;
  readonly #shards: readonly RedisShard[];
  readonly #servers: RedisServers;
  /** To the server that has what belongs to no shard. */
  readonly #storeLink: RedisLink;
  readonly #live: LiveLog;
  readonly #troubles: Troubles;
  readonly #operations: Operations;
  readonly #probe: StoreProbe;
  readonly #eviction: EvictionWatch;
  readonly #settings: SettingsWatch;
  readonly #users: UserReader;
  readonly #log: LogReader;
  readonly #leases: Leases;
  readonly #leaseSupport: NodeSupport;
  readonly #statusSupport: NodeSupport;
  readonly #rules: Rules;
  readonly #clock: Clock;
  readonly #mending: Mending;
  readonly #restating: Restating;
  readonly #lister: SessionLister;
  readonly #known: KnownSessions;
  readonly #unreadable: Unreadables;
  readonly #pendingRefreshes: PendingBound;
  readonly #pendingChanges: PendingChanges;
  readonly #keptBound: KeptBound;
  readonly #keptCounts: KeptCounts = { delivered: 0, lost: 0, withheld: 0 };
  readonly #maxPendingCommands: number;
  readonly #begins: Partial<Record<BeginReason, number>> = {};

  constructor(options: RedisStoreOptions, clock: Clock) {
    const { shards, rules, retentionMs, commandTimeoutMs = 2_000, maxPendingCommands = 100_000 } = options;
    invariant(retentionMs >= rules.memoryMs, "tombstones outlive the record");
    const { keyPrefix = "" } = options;
    const keys = shardKeys(shards, parseRedisUrl(options.url).database, keyPrefix);
    const { store: storeKey, nodes: nodesKey } = storeKeys(keyPrefix);
    this.shardCount = shards;
    this.#rules = rules;
    this.#clock = clock;
    this.#maxPendingCommands = maxPendingCommands;
    this.#known = new KnownSessions(options.maxKnownSessions ?? 1_000_000);
    this.#troubles = new Troubles(shards, clock);
    this.#operations = new Operations(this.#troubles, clock);
    this.#unreadable = new Unreadables(options.onUnreadable ?? (() => {}));
    this.#pendingRefreshes = { used: 0, limit: options.maxPendingRefreshes ?? 100_000 };
    this.#keptBound = { used: 0, limit: options.maxKeptHeartbeats ?? 200_000 };
    this.#pendingChanges = {
      count: { used: 0, limit: options.maxPendingChanges ?? 100_000 },
      bytes: { used: 0, limit: options.maxPendingChangeBytes ?? 64 * 2 ** 20 },
    };

    const onLost = (parts: readonly number[]) => {
      for (const part of parts) this.#shards[part]?.state.interrupted();
    };
    const onReady = (parts: readonly number[]) => {
      for (const part of parts) this.#shards[part]?.ready();
    };
    const { allowEviction: allowed = [], onEviction: onFound = () => {} } = options;
    this.#eviction = new EvictionWatch({ allowed, lossBy: lossByEviction, onFound });
    this.#settings = new SettingsWatch(options, options.onSetting ?? (() => {}), clock);
    const mark: StoreMark = { schema: schemaVersion, shards };
    const prepare = async (client: RedisClient, parts: readonly number[]) => {
      const itsShards = parts.filter((part) => part < shards);
      const itsKeys = itsShards.map((part) => keys[part] as ShardKeys);
      const server = await checkStore(
        client,
        mark,
        itsKeys,
        parts.includes(shards) ? storeKey : undefined,
        this.#eviction,
      );
      await this.#tickFirst(client, itsShards);
      return server;
    };
    // One part for each shard, and one for what belongs to none.
    const parts = [...keys.map(({ meta }) => meta), storeKey];
    this.#servers = serversAt(
      options,
      { parts, commandTimeoutMs, maxCommands: maxPendingCommands, unavailable, prepare, onReady, onLost },
      clock,
    );
    this.#storeLink = this.#servers.links[shards] as RedisLink;
    // The next connection is not used before its check finds our mark again.
    const onMark = (found: StoreMark, link: RedisLink) => link.drop(refusalOf(() => compareMarks(found, mark)));
    const onVersion = (number: number, version: number) => this.#state(number).saw(version);
    this.#live = new LiveLog(this.#servers, { keys, onVersion, unreadable: this.#unreadable });

    const logMaxEntries = Math.ceil((options.logMaxEntries ?? 1_000_000) / shards);
    const shared = {
      scripts: new Scripts(scriptRules(rules, retentionMs, logMaxEntries)),
      operations: this.#operations,
      known: this.#known,
      troubles: this.#troubles,
      unreadable: this.#unreadable,
      pendingRefreshes: this.#pendingRefreshes,
      pendingChanges: this.#pendingChanges,
      keptBound: this.#keptBound,
      keptCounts: this.#keptCounts,
      rules,
      commandTimeoutMs,
      mark,
      onMark,
      onBegin: (begun: Begun) => {
        this.#begins[begun.reason] = (this.#begins[begun.reason] ?? 0) + 1;
        options.onBegin?.(begun);
      },
      clock,
    };
    this.#shards = keys.map(
      (keysOfShard, number) =>
        new RedisShard(
          new ShardState(number, keysOfShard, this.#servers.links[number] as RedisLink, tickCapMs(rules.ttlMs)),
          shared,
        ),
    );
    this.#probe = new StoreProbe({
      ...shared,
      servers: this.#servers,
      ...{ keys, storeKey },
      watches: [this.#eviction, this.#settings],
    });
    this.#users = new UserReader({
      ...shared,
      retentionMs,
      shardOf: (userId) => this.#shardOf(userId).state,
      tick: ({ number }) => this.#shard(number).tick(0),
    });
    this.#log = new LogReader(this.#unreadable);
    this.#leases = new Leases(this.#storeLink, nodesKey, shared.scripts, this.#troubles);
    const generation = () => this.#shards.reduce((sum, { state }) => sum + state.generation, 0);
    const support = { link: this.#storeLink, leases: this.#leases, storeKey, generation };
    this.#leaseSupport = new NodeSupport("leases", support);
    this.#statusSupport = new NodeSupport("statuses", support);
    const deadlines = new DeadlineWalk(shared.scripts, this.#log);
    const scan = new RecordScan(this.#servers, this.#shards, keyPrefix);
    this.#lister = new SessionLister({ ...shared, shards: this.#shards, scan });
    this.#mending = new Mending(scan, deadlines, this.#shards);
    this.#restating = new Restating(scan, this.#shards, shared);
  }

  async open(): Promise<void> {
    try {
      await this.#servers.start();
      await this.#live.start();
      this.#probe.start();
    } catch (error) {
      await this.close();
      throw error instanceof RedisError ? new StoreRefusal(error.message, { cause: error }) : error;
    }
  }

  async close(): Promise<void> {
    this.#probe.stop();
    this.#servers.close();
    this.#live.close();
  }

  health(): StoreHealth {
    const parts = { shards: this.#shards, servers: this.#servers, live: this.#live, troubles: this.#troubles };
    const { eviction } = this.#eviction;
    return { ...readinessOf(parts), full: this.#probe.full, eviction, settings: this.#settings.found };
  }

  metrics(): StoreMetrics {
    return {
      operations: this.#operations.figures,
      bounds: {
        refreshes: this.#pendingRefreshes,
        keptHeartbeats: this.#keptBound,
        changes: this.#pendingChanges.count,
        changeBytes: this.#pendingChanges.bytes,
        commands: { used: this.#servers.pending, limit: this.#maxPendingCommands },
        knownSessions: { used: this.#known.size, limit: this.#known.limit },
        unreadableTold: this.#unreadable.told,
      },
      unreadable: this.#unreadable.met,
      heartbeats: this.#keptCounts,
      connectionsLost: sumOf(this.#servers.losses, this.#live.losses),
      failingShards: this.#troubles.failingShards,
      begins: this.#begins,
    };
  }

  register(registration: Registration): Promise<RegisterResult> {
    return this.#shardOf(registration.userId).register(registration);
  }

  unregister(ending: SessionEnding): Promise<UnregisterResult> {
    return this.#shardOf(ending.userId).unregister(ending);
  }

  closeSessions(closing: Closing): Promise<CloseResult> {
    return this.#shardOf(closing.userId).closeSessions(closing);
  }

  refresh(session: Heartbeat, reply: RefreshReply, tag: number): void {
    this.#shardOf(session.userId).refresh(session, reply, tag);
  }

  statusesMissing(): Promise<string | undefined> {
    return this.#operations.run("status", () => this.#statusSupport.missing());
  }

  setStatus(userId: string, claim: NewClaim): Promise<StatusResult> {
    return this.#shardOf(userId).setStatus(userId, claim);
  }

  clearStatus(userId: string, claimId: string, setAtMs: number | undefined): Promise<StatusResult> {
    return this.#shardOf(userId).clearStatus(userId, claimId, setAtMs);
  }

  setActivity(session: SessionRef, activity: Activity): ReturnType<StatusStore["setActivity"]> {
    return this.#shardOf(session.userId).setActivity(session, activity);
  }

  claimsOf(userId: string): ReturnType<StatusStore["claimsOf"]> {
    return this.#operations.run("status", () => this.#users.claimsOf(userId));
  }

  async openLease(leaseId: string, instanceId: string): Promise<LeaseResult> {
    const askedMs = this.#clock.monotonicMs();
    const why = await this.#operations.run("lease", () => this.#leaseSupport.missing());
    if (why !== undefined) return { kind: "unsupported", why };
    return this.#inEachShard(async (shard) =>
      (await shard.openLease(leaseId, instanceId, askedMs)) ? "open" : "closed",
    );
  }

  keepLease(leaseId: string): Promise<LeaseResult> {
    return this.#inEachShard(async (shard) => leaseStates[await shard.keepLease(leaseId)]);
  }

  async closeLease(leaseId: string, reason: DisconnectReason): Promise<void> {
    const graceMs = reason === "SERVER_DRAIN" ? this.#rules.graceMs : 0;
    const closings = this.#shards.map((shard) =>
      this.#operations.run("lease", () => shard.closeLease(leaseId, graceMs)),
    );
    const failed = (await Promise.allSettled(closings)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  users(userIds: readonly string[]): Promise<UserView[]> {
    return this.#operations.run("users", () => this.#users.read(userIds));
  }

  async sessionsOf(userId: string): Promise<SessionView[]> {
    return this.#operations.run("list", () => this.#lister.ofUser(this.#shardOf(userId).state, userId));
  }

  sessionsAt(instanceId: string, cursor: string, count: number) {
    return this.#operations.run("list", () => this.#lister.ofInstance(instanceId, cursor, count));
  }

  leasesAfter(leaseId: string, limit: number): Promise<LeaseView[]> {
    const shards = this.#shards.map(({ state }) => state);
    return this.#operations.run("list", () => leasesAfter(shards, leaseId, limit));
  }

  async tick(shard: number, limit: number): Promise<Tick> {
    return this.#shard(shard).tick(limit);
  }

  isRecovering(shard: number): boolean {
    return this.#state(shard).isRecovering;
  }

  dataSince(shard: number): number {
    return this.#state(shard).dataSince;
  }

  mend(cursor: string, shards: ReadonlySet<number>): Promise<{ cursor: string } & Mended> {
    return this.#operations.run("mend", () => this.#mending.step(cursor, shards));
  }

  restate(
    cursor: string,
    duties: ReadonlyMap<number, RestateDuty>,
    rest?: (users: number) => Promise<void>,
  ): Promise<RestateStep> {
    return this.#restating.step(cursor, duties, rest);
  }

  completeRestating(shard: number, duty: RestateDuty): Promise<boolean> {
    return this.#restating.complete(this.#state(shard), duty);
  }

  beginRestating(shard: number, fence: number): Promise<number | undefined> {
    return this.#restating.begin(this.#state(shard), fence);
  }

  lastVersion(shard: number): Promise<number> {
    return this.#operations.run("log", () => this.#log.lastVersion(this.#state(shard)));
  }

  readLog(shard: number, after: number, limit: number): Promise<{ entries: LogEntry[]; gap: boolean }> {
    return this.#operations.run("log", () => this.#log.read(this.#state(shard), after, limit));
  }

  follow(shard: number, listener: LogListener): () => void {
    return this.#live.follow(this.#state(shard).number, listener);
  }

  scanOnline(shard: number): AsyncIterable<UserView[]> {
    return this.#users.scanOnline(this.#state(shard));
  }

  announceNode(nodeId: string, ttlMs: number): Promise<number> {
    return this.#operations.count("lease", () => this.#leases.announceNode(nodeId, ttlMs));
  }

  withdrawNode(nodeId: string): Promise<void> {
    return this.#operations.count("lease", () => this.#leases.withdrawNode(nodeId));
  }

  claim(shard: number, nodeId: string, leaseMs: number): Promise<PublisherLease | undefined> {
    return this.#operations.count("lease", () => this.#leases.claim(this.#state(shard), nodeId, leaseMs));
  }

  release(shard: number, nodeId: string): Promise<void> {
    return this.#operations.count("lease", () => this.#leases.release(this.#state(shard), nodeId));
  }

  advance(shard: number, fence: number, cursors: Readonly<Record<string, number>>): Promise<boolean> {
    return this.#operations.count("lease", () => this.#leases.advance(this.#state(shard), fence, cursors));
  }

  publish(channel: string, message: Uint8Array): Promise<void> {
    return this.#operations.run("publish", async () => {
      await this.#storeLink.send(["PUBLISH", channel, Buffer.from(message)]);
    });
  }

  /** Asks all shards about a lease, whatever happens in one. */
  async #inEachShard(ask: (shard: RedisShard) => Promise<LeaseState | undefined>): Promise<LeaseResult> {
    const asked = this.#shards.map((shard) => this.#operations.run("lease", () => ask(shard)));
    const begins: number[] = [];
    let [missing, closed] = [false, false];
    let failure: unknown;
    for (const [number, answer] of (await Promise.allSettled(asked)).entries()) {
      if (answer.status === "rejected") {
        failure = answer.reason;
        continue;
      }
      begins.push(this.#state(number).begin);
      missing ||= answer.value === undefined;
      closed ||= answer.value === "closed";
    }
    if (begins.length === 0) throw failure;
    if (closed) return { kind: "closed" };
    return { kind: "kept", missing, partial: begins.length < this.shardCount, begins: sumOfBegins(begins) };
  }

  /** Each shard's first command on a connection: its server may be another one, and have lost what this node saw. */
  async #tickFirst(client: RedisClient, shards: readonly number[]): Promise<void> {
    const via = { send: (command: readonly (string | Buffer)[]) => client.sendCommand<Reply>([...command]) };
    const ticks = shards.map((number) =>
      this.#shard(number)
        .tickFirst(via)
        .catch((error: unknown) => {
          // What keeps one shard from working is that shard's trouble: its ticks tell, and it answers nobody until then.
          if (!isOfOneShard(error)) throw error;
        }),
    );
    await Promise.all(ticks);
  }

  #shardOf(userId: string): RedisShard {
    return this.#shards[shardOf(userId, this.shardCount)] as RedisShard;
  }

  #shard(number: number): RedisShard {
    const shard = this.#shards[number];
    invariant(shard !== undefined, `there is no shard ${number}`);
    return shard;
  }

  #state(number: number): ShardState {
    return this.#shard(number).state;
  }
}

/** What the answer to a lease's heartbeat says of it. */
const leaseStates = { refreshed: "open", missing: undefined, superseded: "closed", closed: "closed" } as const;

function sumOf<Name extends string>(one: Readonly<Record<Name, number>>, other: Readonly<Record<Name, number>>) {
  return Object.fromEntries(Object.entries<number>(one).map(([name, count]) => [name, count + other[name as Name]]));
}

/** What expires by itself anyway is what is known of users who are offline, and who publishes a shard. */
function lossByEviction(policy: string): string {
  return policy.startsWith("volatile-")
    ? "when users were last seen, and that their connections ended, is forgotten before LAST_SEEN_RETENTION"
    : "users who are online go offline without an event";
}

function refusalOf(compare: () => void): unknown {
  try {
    compare();
    return new Error("the store's mark is ours again");
  } catch (error) {
    return error;
  }
}
