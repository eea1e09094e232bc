import { parseRedisUrl, RedisConnection, RedisError } from "@realchat/presence-redis";
import { type Clock, OperationMeter } from "@realchat/presence-runtime";
import type { Rules } from "../../domain/decisions.ts";
import { invariant } from "../../domain/invariant.ts";
import type { SessionRef } from "../../domain/session.ts";
import { shardOf } from "../../domain/shard.ts";
import { tickCapMs } from "../../domain/shard-clock.ts";
import type { Transition } from "../../domain/transition.ts";
import {
  type LogListener,
  type Mended,
  type PresenceStore,
  type PublisherLease,
  type RefreshReply,
  type RegisterResult,
  type Registration,
  type SessionEnding,
  type StoreHealth,
  type StoreMetrics,
  StoreRefusal,
  type Tick,
  type Unreadable,
  type UnregisterResult,
  type UserView,
} from "../store.ts";
import { ChangeQueue, type DecideChanges, type PendingChanges } from "./change-queue.ts";
import { Changes } from "./changes.ts";
import { DeadlineWalk } from "./deadline-walk.ts";
import { sessionMember, shardKeys } from "./keys.ts";
import { KnownSessions } from "./known-sessions.ts";
import { Leases } from "./leases.ts";
import { LiveLog } from "./live-log.ts";
import { LogReader } from "./log-reader.ts";
import { Mending } from "./mending.ts";
import { type PendingBound, RefreshQueue } from "./refresh-queue.ts";
import { scriptRules } from "./script-rules.ts";
import { Scripts } from "./scripts.ts";
import { Sessions } from "./sessions.ts";
import { Shard } from "./shard.ts";
import { checkStore } from "./store-check.ts";
import { compareMarks, type StoreMark, schemaVersion } from "./store-mark.ts";
import { StoreProbe } from "./store-probe.ts";
import { Ticks } from "./ticks.ts";
import { Troubles } from "./troubles.ts";
import { unavailable } from "./unavailable.ts";
import { Unreadables } from "./unreadables.ts";
import { UserReader } from "./user-reader.ts";

export interface RedisStoreOptions {
  /** See parseRedisUrl. */
  readonly url: string;
  /** See RedisTls. */
  readonly tlsCa?: string;
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
  /** Registrations and their ends that wait or are under way at most; default 100,000. */
  readonly maxPendingChanges?: number;
  /** Bytes that these may have; default 64 MiB. */
  readonly maxPendingChangeBytes?: number;
  /** Commands that wait for their reply at most; default 100,000. */
  readonly maxPendingCommands?: number;
  /** Sessions without token that this node remembers at most; default 1,000,000. */
  readonly maxKnownSessions?: number;
  /** Hears once of what somebody else wrote into it, 1,000 times at most. */
  readonly onUnreadable?: (what: Unreadable) => void;
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

/**
 * What is counted; `refresh` counts batches of heartbeats, `heartbeat` those that a batch could not answer, `change`
 * batches of `register`, `unregister` and `heartbeat`.
 */
const operationKinds = [
  "register",
  "unregister",
  "change",
  "refresh",
  "heartbeat",
  "users",
  "tick",
  "mend",
  "log",
  "lease",
  "publish",
] as const;
type OperationKind = (typeof operationKinds)[number];

/** Wires the parts together; each has a file of its own. */
class RedisPresenceStore implements RedisStore {
  readonly kind = "redis";
  readonly shardCount: number;
  readonly #shards: readonly Shard[];
  readonly #connection: RedisConnection;
  readonly #live: LiveLog;
  readonly #troubles: Troubles;
  readonly #probe: StoreProbe;
  readonly #ticks: Ticks;
  readonly #sessions: Sessions;
  readonly #users: UserReader;
  readonly #log: LogReader;
  readonly #leases: Leases;
  readonly #mending: Mending;
  /** By shard. */
  readonly #refreshes: readonly RefreshQueue[];
  readonly #known: KnownSessions;
  readonly #unreadable: Unreadables;
  readonly #pendingRefreshes: PendingBound;
  readonly #pendingChanges: PendingChanges;
  readonly #maxPendingCommands: number;
  readonly #meter: OperationMeter<OperationKind>;

  constructor(options: RedisStoreOptions, clock: Clock) {
    const { shards, rules, retentionMs, commandTimeoutMs = 2_000, maxPendingCommands = 100_000 } = options;
    invariant(retentionMs >= rules.memoryMs, "tombstones outlive the record");
    const address = parseRedisUrl(options.url, options.tlsCa);
    const keys = shardKeys(shards, address.database);
    this.shardCount = shards;
    this.#shards = keys.map((keysOfShard, number) => new Shard(number, keysOfShard, tickCapMs(rules.ttlMs)));
    this.#maxPendingCommands = maxPendingCommands;
    this.#known = new KnownSessions(options.maxKnownSessions ?? 1_000_000);
    this.#troubles = new Troubles(shards, clock);
    this.#unreadable = new Unreadables(options.onUnreadable ?? (() => {}));
    this.#pendingRefreshes = { used: 0, limit: options.maxPendingRefreshes ?? 100_000 };
    this.#pendingChanges = {
      count: { used: 0, limit: options.maxPendingChanges ?? 100_000 },
      bytes: { used: 0, limit: options.maxPendingChangeBytes ?? 64 * 2 ** 20 },
    };
    this.#meter = new OperationMeter(operationKinds, clock);

    const connecting = {
      address,
      commandTimeoutMs,
      maxCommands: maxPendingCommands,
      unavailable,
    };
    const onLost = () => {
      for (const shard of this.#shards) shard.clock.interrupted();
    };
    const mark: StoreMark = { schema: schemaVersion, shards };
    this.#connection = new RedisConnection(
      { ...connecting, prepare: (client) => checkStore(client, mark, keys), onLost },
      clock,
    );
    // The next connection is not used before its check finds our mark again.
    const onMark = (found: StoreMark) => this.#connection.drop(refusalOf(() => compareMarks(found, mark)));
    const watching = { mark, onMark, troubles: this.#troubles, clock };
    this.#probe = new StoreProbe({ connection: this.#connection, ...watching });
    const onVersion = (number: number, version: number) => this.#shard(number).saw(version);
    this.#live = new LiveLog(connecting, { keys, onVersion, unreadable: this.#unreadable }, clock);

    const logMaxEntries = Math.ceil((options.logMaxEntries ?? 1_000_000) / shards);
    const scripts = new Scripts(this.#connection, scriptRules(rules, retentionMs, logMaxEntries));
    this.#ticks = new Ticks({ scripts, unreadable: this.#unreadable, ...watching });
    this.#sessions = new Sessions({
      connection: this.#connection,
      scripts,
      known: this.#known,
      ticks: this.#ticks,
      changes: this.#changeQueues(
        new Changes({ connection: this.#connection, scripts, ticks: this.#ticks, unreadable: this.#unreadable }),
      ),
      ttlMs: rules.ttlMs,
    });
    this.#users = new UserReader({
      connection: this.#connection,
      shardOf: (userId) => this.#shardOf(userId),
      unreadable: this.#unreadable,
      clock,
    });
    this.#log = new LogReader(this.#connection, this.#unreadable);
    this.#leases = new Leases(this.#connection, scripts, this.#troubles);
    this.#mending = new Mending(
      this.#connection,
      scripts,
      new DeadlineWalk(this.#connection, scripts, this.#log),
      this.#shards,
    );
    this.#refreshes = this.#shards.map((shard) => this.#refreshQueueOf(shard));
  }

  async open(): Promise<void> {
    try {
      await this.#connection.start();
      await this.#live.start();
      this.#probe.start();
    } catch (error) {
      await this.close();
      throw error instanceof RedisError ? new StoreRefusal(error.message, { cause: error }) : error;
    }
  }

  async close(): Promise<void> {
    this.#probe.stop();
    this.#connection.close();
    this.#live.close();
  }

  health(): StoreHealth {
    const { full } = this.#probe;
    for (const connection of [this.#connection, this.#live]) {
      if (!connection.isReady) return { ready: false, serves: false, detail: connection.detail, full };
    }
    const trouble = this.#troubles.summary;
    if (trouble === undefined) return { ready: true, serves: true, detail: this.#connection.detail, full };
    const serves = this.#troubles.failingShards < this.shardCount;
    return { ready: false, serves, detail: `${this.#connection.detail}: ${trouble}`, full };
  }

  metrics(): StoreMetrics {
    return {
      operations: this.#meter.operations,
      bounds: {
        refreshes: this.#pendingRefreshes,
        changes: this.#pendingChanges.count,
        changeBytes: this.#pendingChanges.bytes,
        commands: { used: this.#connection.pending, limit: this.#maxPendingCommands },
        knownSessions: { used: this.#known.size, limit: this.#known.limit },
        unreadableTold: this.#unreadable.told,
      },
      unreadable: this.#unreadable.met,
      failingShards: this.#troubles.failingShards,
    };
  }

  register(registration: Registration): Promise<RegisterResult> {
    const shard = this.#shardOf(registration.userId);
    return this.#measure("register", () => this.#sessions.register(shard, registration));
  }

  unregister(ending: SessionEnding): Promise<UnregisterResult> {
    const shard = this.#shardOf(ending.userId);
    return this.#measure("unregister", () => this.#sessions.unregister(shard, ending));
  }

  refresh(session: SessionRef, reply: RefreshReply, tag: number): void {
    if (!this.#connection.isReady) {
      reply({ kind: "failed", error: this.#connection.unavailable() }, tag);
      return;
    }
    const { userId, deviceId } = session;
    const sessionId = session.sessionId === "" ? this.#known.get(userId, deviceId) : session.sessionId;
    const member = sessionId === undefined ? undefined : sessionMember(userId, sessionId);
    const queue = this.#refreshes[shardOf(userId, this.shardCount)] as RefreshQueue;
    queue.add(session, member, reply, tag);
  }

  users(userIds: readonly string[]): Promise<UserView[]> {
    return this.#measure("users", () => this.#users.read(userIds));
  }

  async tick(shard: number, limit: number): Promise<Tick> {
    return this.#meter.measure("tick", () => this.#ticks.tick(this.#shard(shard), limit));
  }

  mend(cursor: string, shards: ReadonlySet<number>): Promise<{ cursor: string } & Mended> {
    return this.#measure("mend", () => this.#mending.step(cursor, shards));
  }

  lastVersion(shard: number): Promise<number> {
    return this.#measure("log", () => this.#log.lastVersion(this.#shard(shard)));
  }

  readLog(shard: number, after: number, limit: number): Promise<{ entries: Transition[]; gap: boolean }> {
    return this.#measure("log", () => this.#log.read(this.#shard(shard), after, limit));
  }

  follow(shard: number, listener: LogListener): () => void {
    return this.#live.follow(this.#shard(shard).number, listener);
  }

  scanOnline(shard: number): AsyncIterable<UserView[]> {
    return this.#users.scanOnline(this.#shard(shard));
  }

  announceNode(nodeId: string, ttlMs: number): Promise<number> {
    return this.#meter.measure("lease", () => this.#leases.announceNode(nodeId, ttlMs));
  }

  withdrawNode(nodeId: string): Promise<void> {
    return this.#meter.measure("lease", () => this.#leases.withdrawNode(nodeId));
  }

  claim(shard: number, nodeId: string, leaseMs: number): Promise<PublisherLease | undefined> {
    return this.#meter.measure("lease", () => this.#leases.claim(this.#shard(shard), nodeId, leaseMs));
  }

  release(shard: number, nodeId: string): Promise<void> {
    return this.#meter.measure("lease", () => this.#leases.release(this.#shard(shard), nodeId));
  }

  advance(shard: number, fence: number, cursors: Readonly<Record<string, number>>): Promise<boolean> {
    return this.#meter.measure("lease", () => this.#leases.advance(this.#shard(shard), fence, cursors));
  }

  publish(channel: string, message: Uint8Array): Promise<void> {
    return this.#measure("publish", async () => {
      await this.#connection.send(["PUBLISH", channel, Buffer.from(message)]);
    });
  }

  /** Counts an operation, and notes when the server refuses it to anybody. */
  async #measure<T>(kind: OperationKind, operation: () => T | Promise<T>): Promise<T> {
    try {
      const result = await this.#meter.measure(kind, operation);
      this.#troubles.worked(kind);
      return result;
    } catch (error) {
      this.#troubles.refused(kind, error);
      throw error;
    }
  }

  #changeQueues(changes: Changes): ChangeQueue[] {
    return this.#shards.map((shard) => {
      const decide: DecideChanges = (batch) => this.#meter.measure("change", () => changes.decide(shard, batch));
      return new ChangeQueue(decide, this.#pendingChanges);
    });
  }

  #refreshQueueOf(shard: Shard): RefreshQueue {
    return new RefreshQueue(
      {
        extend: (members) => this.#measure("refresh", () => this.#sessions.extend(shard, members)),
        present: (members) => this.#sessions.present(shard, members),
        decide: (session) => this.#measure("heartbeat", () => this.#sessions.decideHeartbeat(shard, session)),
      },
      this.#pendingRefreshes,
    );
  }

  #shardOf(userId: string): Shard {
    return this.#shard(shardOf(userId, this.shardCount));
  }

  #shard(number: number): Shard {
    const shard = this.#shards[number];
    invariant(shard !== undefined, `there is no shard ${number}`);
    return shard;
  }
}

function refusalOf(compare: () => void): unknown {
  try {
    compare();
    return new Error("the store's mark is ours again");
  } catch (error) {
    return error;
  }
}
