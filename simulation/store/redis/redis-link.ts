import type { Activity } from "../../../services/presence/domain/activity.ts";
import type { Closing } from "../../../services/presence/domain/block.ts";
import type { NewClaim } from "../../../services/presence/domain/claims.ts";
import { type Lease, sumOfBegins } from "../../../services/presence/domain/lease.ts";
import type { Rules } from "../../../services/presence/domain/rules.ts";
import type { SessionRef } from "../../../services/presence/domain/session.ts";
import { shardOf } from "../../../services/presence/domain/shard.ts";
import type { DisconnectReason } from "../../../services/presence/domain/transition.ts";
import type {
  Heartbeat,
  LeaseResult,
  LogListener,
  PresenceStore,
  RefreshReply,
  Registration,
  RestateDuty,
  RestateStep,
  SessionEnding,
  StoreHealth,
  StoreMetrics,
  UserView,
} from "../../../services/presence/store/store.ts";
import type { Path } from "../../network/path.ts";
import type { Machine } from "../../time/machine.ts";
import { LogFollowers } from "../log-followers.ts";
import { ServerConnection } from "../server-connection.ts";
import { LinkedShard } from "./linked-shard.ts";
import { advance, beginRestating, claim, completeRestating, release, restate } from "./publishing-scripts.ts";
import type { SimulatedRedis } from "./simulated-redis.ts";
import { claimsOf } from "./status-scripts.ts";

interface RedisLinkOptions {
  readonly machine: Machine;
  readonly path: Path;
  readonly redis: SimulatedRedis;
  readonly rules: Rules;
}

/**
 * A node's store on the Redis that all nodes share, as RedisStore is one: its ticks come first on every connection and
 * carry what the node knows and the heartbeats that were not confirmed. Queues, kept heartbeats and reckoned clocks are
 * RedisStore's own.
 */
export class RedisLink implements PresenceStore {
  readonly kind = "redis";
  readonly connection: ServerConnection;
  readonly #redis: SimulatedRedis;
  readonly #shards: readonly LinkedShard[];
  readonly #followers: LogFollowers;
  readonly #counts = { delivered: 0, lost: 0, withheld: 0 };

  constructor({ machine, path, redis, rules }: RedisLinkOptions) {
    this.#redis = redis;
    this.connection = new ServerConnection({
      machine,
      server: redis.machine,
      path,
      prepare: async () => {
        for (const shard of this.#shards) await shard.prepare();
      },
      onReady: () => this.#followers.listenAgain(),
      onLost: () => this.#interrupted(),
    });
    const parts = {
      ...{ machine, redis, rules, connection: this.connection },
      pending: { used: 0, limit: 10_000 },
      keptBound: { used: 0, limit: 10_000 },
      keptCounts: this.#counts,
    };
    this.#shards = Array.from({ length: redis.shardCount }, (_, number) => new LinkedShard(number, parts));
    this.#followers = new LogFollowers(this.connection, (shard, listener) => redis.shard(shard).follow(listener));
  }

  get shardCount(): number {
    return this.#shards.length;
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
    this.#interrupted();
  }

  health(): StoreHealth {
    return this.connection.health;
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

  tick(shard: number, limit: number) {
    return this.#shard(shard).tick(limit);
  }

  register(registration: Registration) {
    return this.#shardOf(registration.userId).register(registration);
  }

  unregister(ending: SessionEnding) {
    return this.#shardOf(ending.userId).unregister(ending);
  }

  closeSessions(closing: Closing) {
    return this.#shardOf(closing.userId).closeSessions(closing);
  }

  async statusesMissing(): Promise<undefined> {}

  setStatus(userId: string, claim: NewClaim) {
    return this.#shardOf(userId).setStatus(userId, claim);
  }

  clearStatus(userId: string, claimId: string, setAtMs: number | undefined) {
    return this.#shardOf(userId).clearStatus(userId, claimId, setAtMs);
  }

  setActivity(session: SessionRef, activity: Activity): ReturnType<PresenceStore["setActivity"]> {
    return this.#shardOf(session.userId).setActivity(session, activity);
  }

  claimsOf(userId: string): ReturnType<PresenceStore["claimsOf"]> {
    return this.#shardOf(userId).call((shard) => claimsOf(shard, userId));
  }

  refresh(session: Heartbeat, reply: RefreshReply, tag: number): void {
    this.#shardOf(session.userId).refresh(session, reply, tag);
  }

  openLease(leaseId: string, instanceId: string): Promise<LeaseResult> {
    return this.#inEachShard((shard) => shard.openLease(leaseId, instanceId));
  }

  keepLease(leaseId: string): Promise<LeaseResult> {
    return this.#inEachShard((shard) => shard.keepLease(leaseId));
  }

  async closeLease(leaseId: string, reason: DisconnectReason): Promise<void> {
    const answers = await Promise.allSettled(this.#shards.map((shard) => shard.closeLease(leaseId, reason)));
    const failed = answers.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  sessionsOf(userId: string) {
    return this.#shardOf(userId).sessionsOf(userId);
  }

  /** Nobody lists gateways in a simulation. */
  async sessionsAt(): Promise<{ sessions: []; cursor: "" }> {
    return { sessions: [], cursor: "" };
  }

  async leasesAfter(): Promise<[]> {
    return [];
  }

  async users(userIds: readonly string[]): Promise<UserView[]> {
    const views = new Map<string, UserView>();
    const byShard = Map.groupBy(userIds, (userId) => this.#shardOf(userId));
    await Promise.all(
      [...byShard].map(async ([shard, ids]) => {
        for (const view of await shard.users(ids)) views.set(view.userId, view);
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
    for (const [number, duty] of duties) {
      try {
        const count = await this.#shard(number).call((shard) => restate(shard, duty));
        if (count === undefined) undone.add(number);
        else restated += count;
      } catch {
        failed.add(number);
      }
    }
    return { cursor: "", restated, undone, failed };
  }

  completeRestating(number: number, duty: RestateDuty) {
    return this.#shard(number).call((shard) => completeRestating(shard, duty));
  }

  beginRestating(number: number, fence: number) {
    return this.#shard(number).call((shard) => beginRestating(shard, fence));
  }

  lastVersion(number: number) {
    return this.#shard(number).call(({ data }) => data.lastVersion);
  }

  readLog(shard: number, after: number, limit: number) {
    return this.#shard(shard).readLog(after, limit);
  }

  follow(shard: number, listener: LogListener): () => void {
    const entry: LogListener["entry"] = (written) => {
      this.#shard(shard).saw(written.version);
      listener.entry(written);
    };
    return this.#followers.add(shard, { ...listener, entry });
  }

  async *scanOnline(shard: number): AsyncIterable<UserView[]> {
    yield await this.#shard(shard).online();
  }

  announceNode(nodeId: string, ttlMs: number) {
    return this.connection.call(() => this.#redis.announceNode(nodeId, ttlMs));
  }

  withdrawNode(nodeId: string) {
    return this.connection.call(() => this.#redis.withdrawNode(nodeId));
  }

  claim(number: number, nodeId: string, leaseMs: number) {
    return this.#shard(number).call((shard) => claim(shard, nodeId, leaseMs));
  }

  release(number: number, nodeId: string) {
    return this.#shard(number).call((shard) => release(shard, nodeId));
  }

  advance(number: number, fence: number, cursors: Readonly<Record<string, number>>) {
    return this.#shard(number).call((shard) => advance(shard, fence, cursors));
  }

  /** Asks all shards about a lease, whatever happens in one. */
  async #inEachShard(ask: (shard: LinkedShard) => Promise<Lease["state"] | undefined>): Promise<LeaseResult> {
    const answers = await Promise.allSettled(this.#shards.map(ask));
    const begins = this.#shards.filter((_, shard) => answers[shard]?.status === "fulfilled").map(({ begin }) => begin);
    const states = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    if (states.includes("closed")) return { kind: "closed" };
    const failed = answers.find(({ status }) => status === "rejected");
    if (begins.length === 0 && failed?.status === "rejected") throw failed.reason;
    const partial = begins.length < this.shardCount;
    return { kind: "kept", missing: states.includes(undefined), partial, begins: sumOfBegins(begins) };
  }

  #interrupted(): void {
    for (const shard of this.#shards) shard.interrupted();
  }

  #shard(number: number): LinkedShard {
    return this.#shards[number] as LinkedShard;
  }

  #shardOf(userId: string): LinkedShard {
    return this.#shard(shardOf(userId, this.shardCount));
  }
}
