import type { Clock } from "@realchat/presence-runtime";
import type { Rules } from "../../domain/decisions.ts";
import { invariant } from "../../domain/invariant.ts";
import { parseSessionId, type SessionRef } from "../../domain/session.ts";
import { shardOf } from "../../domain/shard.ts";
import { tickCapMs } from "../../domain/shard-clock.ts";
import type { Transition } from "../../domain/transition.ts";
import { streamIdOf, versionOf } from "../../domain/version.ts";
import type {
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
import { RedisConnection } from "./connection.ts";
import type { Reply, Script, Values } from "./define-script.ts";
import { nodesKey, type ShardKeys, sessionMember, shardKeys } from "./keys.ts";
import { KnownSessions } from "./known-sessions.ts";
import { LiveLog } from "./live-log.ts";
import { decodeEntry } from "./log-entry.ts";
import { advance } from "./lua/advance.ts";
import { announce } from "./lua/announce.ts";
import { claim } from "./lua/claim.ts";
import { heartbeat } from "./lua/heartbeat.ts";
import { refresh } from "./lua/refresh.ts";
import { register } from "./lua/register.ts";
import { release } from "./lua/release.ts";
import { integer, list, text } from "./lua/replies.ts";
import { tick } from "./lua/tick.ts";
import { unregister } from "./lua/unregister.ts";
import { OperationMeter } from "./operation-meter.ts";
import { ReckonedClock } from "./reckoned-clock.ts";
import { parseRedisUrl } from "./redis-address.ts";
import { codeBehind, replyCode } from "./redis-error.ts";
import { type PendingBound, RefreshQueue } from "./refresh-queue.ts";
import { scriptRules } from "./script-rules.ts";
import { Scripts } from "./scripts.ts";
import { checkStore } from "./store-check.ts";
import { decodeUser, strangerAt } from "./user-record.ts";

export interface RedisStoreOptions {
  /** See parseRedisUrl. */
  readonly url: string;
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
  /** Commands that wait for their reply at most; default 100,000. */
  readonly maxPendingCommands?: number;
  /** Sessions without token that this node remembers at most; default 1,000,000. */
  readonly maxKnownSessions?: number;
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

/** What was published stays in the log this long for those who watch, ms. */
const watchersMs = 60_000;
/** Users asked for in one pipeline. */
const pipelineMaxUsers = 1_000;
/** Keys looked at by one SCAN: about 0.1 ms of Redis. */
const scanCount = 1_000;

/** A shard as this node knows it. */
interface Shard {
  readonly number: number;
  readonly keys: ShardKeys;
  readonly clock: ReckonedClock;
  readonly refreshes: RefreshQueue;
  /** The highest version that this node has seen. */
  lastVersion: number;
}

class RedisPresenceStore implements RedisStore {
  readonly kind = "redis";
  readonly shardCount: number;
  readonly #ttlMs: number;
  readonly #maxPendingCommands: number;
  readonly #clock: Clock;
  readonly #connection: RedisConnection;
  readonly #scripts: Scripts;
  readonly #live: LiveLog;
  readonly #shards: readonly Shard[];
  readonly #known: KnownSessions;
  readonly #pendingRefreshes: PendingBound;
  readonly #meter: OperationMeter;

  constructor(options: RedisStoreOptions, clock: Clock) {
    const { commandTimeoutMs = 2_000, maxPendingCommands = 100_000, logMaxEntries = 1_000_000 } = options;
    invariant(options.retentionMs >= options.rules.memoryMs, "tombstones outlive the record");
    this.#clock = clock;
    this.#ttlMs = options.rules.ttlMs;
    this.#maxPendingCommands = maxPendingCommands;
    this.#known = new KnownSessions(options.maxKnownSessions ?? 1_000_000);
    this.#pendingRefreshes = { used: 0, limit: options.maxPendingRefreshes ?? 100_000 };
    this.#meter = new OperationMeter(clock);

    const keys = shardKeys(options.shards);
    this.shardCount = options.shards;
    this.#shards = keys.map((shard, number) => this.#makeShard(shard, number));
    const connecting = { address: parseRedisUrl(options.url), commandTimeoutMs, maxCommands: maxPendingCommands };
    this.#connection = new RedisConnection(
      {
        ...connecting,
        prepare: (client) => checkStore(client, options.shards),
        onLost: () => {
          for (const shard of this.#shards) shard.clock.interrupted();
        },
      },
      clock,
    );
    const rules = scriptRules(options.rules, options.retentionMs, Math.ceil(logMaxEntries / options.shards));
    this.#scripts = new Scripts(this.#connection, rules);
    this.#live = new LiveLog(connecting, keys, (number, version) => this.#saw(this.#shard(number), version), clock);
  }

  async open(): Promise<void> {
    try {
      await this.#connection.start();
      await this.#live.start();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#connection.close();
    this.#live.close();
  }

  health(): StoreHealth {
    if (!this.#connection.isReady) return { ready: false, detail: this.#connection.detail };
    if (!this.#live.isReady) return { ready: false, detail: this.#live.detail };
    return { ready: true, detail: this.#connection.detail };
  }

  metrics(): StoreMetrics {
    return {
      operations: this.#meter.operations,
      bounds: {
        refreshes: this.#pendingRefreshes,
        commands: { used: this.#connection.pending, limit: this.#maxPendingCommands },
        knownSessions: { used: this.#known.size, limit: this.#known.limit },
      },
    };
  }

  register(registration: Registration): Promise<RegisterResult> {
    return this.#meter.measure("register", async () => {
      const { userId, deviceId, connectionId, previousSessionId } = registration;
      const shard = this.#shardOf(userId);
      const previous = previousSessionId === "" ? undefined : parseSessionId(previousSessionId);
      invariant(previousSessionId === "" || previous !== undefined, "previous_session_id was checked");
      const result = await this.#decide(shard, register, this.#userKeys(shard, userId), {
        user: userId,
        device: deviceId,
        instance: registration.instanceId,
        connection: connectionId,
        previousOrder: previous?.order ?? "",
      });
      if (result.kind === "registered" || result.kind === "repeated") {
        this.#saw(shard, result.version);
        if (connectionId === "") this.#known.set(userId, deviceId, result.sessionId);
      }
      return result;
    });
  }

  unregister(ending: SessionEnding): Promise<UnregisterResult> {
    return this.#meter.measure("unregister", () => {
      const { userId, deviceId, sessionId, reason } = ending;
      const shard = this.#shardOf(userId);
      return this.#decide(shard, unregister, this.#userKeys(shard, userId), {
        user: userId,
        device: deviceId,
        session: sessionId,
        reason,
      });
    });
  }

  refresh(session: SessionRef, reply: RefreshReply, tag: number): void {
    if (!this.#connection.isReady) {
      reply({ kind: "failed", error: this.#connection.unavailable() }, tag);
      return;
    }
    const { userId, deviceId } = session;
    const sessionId = session.sessionId === "" ? this.#known.get(userId, deviceId) : session.sessionId;
    const member = sessionId === undefined ? undefined : sessionMember(userId, sessionId);
    this.#shardOf(userId).refreshes.add(session, member, reply, tag);
  }

  users(userIds: readonly string[]): Promise<UserView[]> {
    return this.#meter.measure("users", async () => {
      const views: UserView[] = [];
      for (let start = 0; start < userIds.length; start += pipelineMaxUsers) {
        views.push(...(await this.#readUsers(userIds.slice(start, start + pipelineMaxUsers))));
      }
      return views;
    });
  }

  async tick(number: number, limit: number): Promise<Tick> {
    return this.#tick(this.#shard(number), limit);
  }

  lastVersion(number: number): Promise<number> {
    return this.#meter.measure("log", async () => (await this.#readLogState(this.#shard(number))).lastVersion);
  }

  readLog(number: number, after: number, limit: number): Promise<{ entries: Transition[]; gap: boolean }> {
    return this.#meter.measure("log", async () => {
      const shard = this.#shard(number);
      const first = await this.#readEntries(shard, after, limit + 1);
      if (first[0]?.version === after) return { entries: first.slice(1), gap: false };
      // The entry of the position is gone, which is no gap as long as none was dropped after it. Asked in this order, an
      // entry that comes in between may make it look like a gap, but no gap goes unnoticed.
      const [entries, log] = await Promise.all([this.#readEntries(shard, after, limit), this.#readLogState(shard)]);
      const isWhole = after === 0 ? log.dropped === 0 : log.lastVersion === after;
      return { entries, gap: !isWhole };
    });
  }

  follow(number: number, listener: LogListener): () => void {
    return this.#live.follow(this.#shard(number).number, listener);
  }

  /**
   * Looks through the records rather than the deadlines: a record stays where it is while its user reconnects, a
   * deadline gets another member, and SCAN promises to find only what was there all the time.
   */
  async *scanOnline(number: number): AsyncIterable<UserView[]> {
    const shard = this.#shard(number);
    const { recordPrefix } = shard.keys;
    let cursor = "0";
    do {
      const reply = await this.#connection.send([
        "SCAN",
        cursor,
        "MATCH",
        `${recordPrefix}*`,
        "COUNT",
        String(scanCount),
      ]);
      const [next, keys] = list(reply);
      cursor = text(next);
      const userIds = list(keys).map((key) => text(key).slice(recordPrefix.length));
      const online =
        userIds.length === 0 ? [] : (await this.#readRecords(shard, userIds)).filter((view) => view.online);
      if (online.length > 0) yield online;
    } while (cursor !== "0");
  }

  announceNode(nodeId: string, ttlMs: number): Promise<number> {
    return this.#meter.measure("lease", () =>
      this.#scripts.run(announce, { nodes: nodesKey }, { node: nodeId, ttlMs }),
    );
  }

  withdrawNode(nodeId: string): Promise<void> {
    return this.#meter.measure("lease", async () => {
      await this.#connection.send(["ZREM", nodesKey, nodeId]);
    });
  }

  claim(number: number, nodeId: string, leaseMs: number): Promise<PublisherLease | undefined> {
    const { publisher, meta } = this.#shard(number).keys;
    return this.#meter.measure("lease", () => this.#scripts.run(claim, { publisher, meta }, { node: nodeId, leaseMs }));
  }

  release(number: number, nodeId: string): Promise<void> {
    const { publisher } = this.#shard(number).keys;
    return this.#meter.measure("lease", async () => {
      await this.#scripts.run(release, { publisher }, { node: nodeId });
    });
  }

  advance(number: number, fence: number, cursors: Readonly<Record<string, number>>): Promise<boolean> {
    const { meta, log } = this.#shard(number).keys;
    const lines = Object.entries(cursors).map(([name, version]) => `${name}\t${version}`);
    return this.#meter.measure("lease", async () => {
      const args = { fence, keepMs: watchersMs, cursors: lines.join("\n") };
      return (await this.#scripts.run(advance, { meta, log }, args)) === 1;
    });
  }

  publish(channel: string, message: Uint8Array): Promise<void> {
    return this.#meter.measure("publish", async () => {
      await this.#connection.send(["PUBLISH", channel, Buffer.from(message)]);
    });
  }

  #makeShard(keys: ShardKeys, number: number): Shard {
    const shard: Shard = {
      number,
      keys,
      clock: new ReckonedClock(tickCapMs(this.#ttlMs)),
      lastVersion: 0,
      refreshes: new RefreshQueue(
        {
          extend: (members) => this.#meter.measure("refresh", () => this.#extend(shard, members)),
          present: async (members) => {
            const scores = await this.#connection.send(["ZMSCORE", keys.deadlines, ...members]);
            return list(scores).map((score) => score !== null);
          },
          decide: (session) => this.#meter.measure("heartbeat", () => this.#decideHeartbeat(shard, session)),
        },
        this.#pendingRefreshes,
      ),
    };
    return shard;
  }

  async #extend(shard: Shard, members: readonly string[]): Promise<number> {
    if (shard.clock.readMs(this.#clock.monotonicMs()) === undefined) await this.#tick(shard, 0);
    const clockMs = shard.clock.readMs(this.#clock.monotonicMs()) ?? shard.clock.lastMs;
    const deadlineMs = String(clockMs + this.#ttlMs);
    const command = ["ZADD", shard.keys.deadlines, "XX", "GT", "CH"];
    for (const member of members) command.push(deadlineMs, member);
    try {
      return integer(await this.#connection.send(command));
    } catch (error) {
      if (codeBehind(error) !== "OOM") throw error;
      return this.#scripts.run(
        refresh,
        { deadlines: shard.keys.deadlines },
        { deadlineMs, members: members.join("\n") },
      );
    }
  }

  async #decideHeartbeat(shard: Shard, session: SessionRef): Promise<RefreshResult> {
    const { userId, deviceId, sessionId } = session;
    if (sessionId !== "" && parseSessionId(sessionId) === undefined) return { kind: "missing" };
    const result = await this.#decide(shard, heartbeat, this.#userKeys(shard, userId), {
      user: userId,
      device: deviceId,
      session: sessionId,
    });
    if (sessionId === "") {
      if (result.kind === "refreshed") this.#known.set(userId, deviceId, result.sessionId);
      else this.#known.delete(userId, deviceId);
    }
    return result;
  }

  /** One MGET per shard, all in one round trip. */
  async #readUsers(userIds: readonly string[]): Promise<UserView[]> {
    const places = new Map<Shard, number[]>();
    userIds.forEach((userId, place) => {
      const shard = this.#shardOf(userId);
      const inShard = places.get(shard);
      if (inShard === undefined) places.set(shard, [place]);
      else inShard.push(place);
    });
    const views = new Array<UserView>(userIds.length);
    const readShard = async (shard: Shard, inShard: readonly number[]) => {
      const ids = inShard.map((place) => userIds[place] as string);
      const found = await this.#readRecords(shard, ids);
      inShard.forEach((place, index) => {
        views[place] = found[index] as UserView;
      });
    };
    await Promise.all([...places].map(([shard, inShard]) => readShard(shard, inShard)));
    return views;
  }

  async #readRecords(shard: Shard, userIds: readonly string[]): Promise<UserView[]> {
    const knownVersion = shard.lastVersion;
    const keys = userIds.map((userId) => shard.keys.recordPrefix + userId);
    const records = list(await this.#connection.send(["MGET", ...keys]));
    const nowMs = Math.floor(this.#clock.nowUs() / 1000);
    return userIds.map((userId, index) => {
      const record = records[index];
      if (typeof record !== "string") return strangerAt(userId, shard.number, knownVersion);
      const view = decodeUser(userId, shard.number, record, nowMs);
      this.#saw(shard, view.version);
      return view;
    });
  }

  #tick(shard: Shard, limit: number): Promise<Tick> {
    return this.#meter.measure("tick", async () => {
      const { meta, deadlines, log, live, recordPrefix } = shard.keys;
      const sentAtMs = this.#clock.monotonicMs();
      const result = await this.#scripts.run(
        tick,
        { meta, deadlines, log, live },
        {
          limit,
          reckonedMs: shard.clock.lastMs,
          recordPrefix,
        },
      );
      shard.clock.ticked(result.clockMs, sentAtMs);
      this.#saw(shard, result.lastVersion);
      return result;
    });
  }

  /** Entries from a version on. */
  async #readEntries(shard: Shard, from: number, limit: number): Promise<Transition[]> {
    const reply = await this.#connection.send([
      "XRANGE",
      shard.keys.log,
      streamIdOf(from),
      "+",
      "COUNT",
      String(limit),
    ]);
    return list(reply).map((entry) => decodeStreamEntry(entry, shard.number));
  }

  /** `dropped`: entries that were trimmed so far. */
  async #readLogState(shard: Shard): Promise<{ lastVersion: number; dropped: number }> {
    try {
      const info = list(await this.#connection.send(["XINFO", "STREAM", shard.keys.log]));
      const read = (field: string) => info[info.indexOf(field) + 1];
      const lastVersion = versionOf(text(read("last-generated-id")));
      this.#saw(shard, lastVersion);
      return { lastVersion, dropped: integer(read("entries-added")) - integer(read("length")) };
    } catch (error) {
      if (isNoSuchKey(error)) return { lastVersion: 0, dropped: 0 };
      throw error;
    }
  }

  /** Runs a script that needs the shard's clock, which only a tick may start; without it nothing was done. */
  async #decide<Key extends string, Arg extends string, Result>(
    shard: Shard,
    script: Script<Key, Arg, Result>,
    keys: Values<Key>,
    args: Values<Arg>,
  ): Promise<Result> {
    try {
      return await this.#scripts.run(script, keys, args);
    } catch (error) {
      if (codeBehind(error) !== "NOCLOCK") throw error;
    }
    await this.#tick(shard, 0);
    return this.#scripts.run(script, keys, args);
  }

  #userKeys({ keys }: Shard, userId: string) {
    const { deadlines, log, meta, live } = keys;
    return { record: keys.recordPrefix + userId, deadlines, log, meta, live };
  }

  #shardOf(userId: string): Shard {
    return this.#shard(shardOf(userId, this.shardCount));
  }

  #shard(number: number): Shard {
    const shard = this.#shards[number];
    invariant(shard !== undefined, `there is no shard ${number}`);
    return shard;
  }

  #saw(shard: Shard, version: number): void {
    if (version > shard.lastVersion) shard.lastVersion = version;
  }
}

/** An entry as XRANGE replies it: its id, and its one field `e` with the value. */
function decodeStreamEntry(entry: Reply, shard: number): Transition {
  const [id, fields] = list(entry);
  return decodeEntry(text(list(fields)[1]), versionOf(text(id)), shard);
}

function isNoSuchKey(error: unknown): boolean {
  const { cause } = error as Error;
  return replyCode(cause) === "ERR" && (cause as Error).message.includes("no such key");
}
