import assert from "node:assert/strict";
import { systemClock } from "@realchat/presence-runtime/clock";
import { settleStore, startRedis, waitUntil } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import { isMark } from "../../domain/log-entry.ts";
import type { Rules } from "../../domain/rules.ts";
import { shardOf } from "../../domain/shard.ts";
import { tickCapMs } from "../../domain/shard-clock.ts";
import type { Transition } from "../../domain/transition.ts";
import { shardKeys } from "../../store/redis/keys.ts";
import { createRedisStore, type RedisStore } from "../../store/redis/redis-store.ts";
import type { PresenceStore, UserView } from "../../store/store.ts";
import { type LossyProxy, openLossyProxy } from "../lossy-proxy.ts";
import type { Round } from "./device.ts";
import type { Nodes } from "./nodes.ts";
import type { Random } from "./random.ts";

const shardCount = 2;
const shards = Array.from({ length: shardCount }, (_, shard) => shard);
const tickLimit = 100;
const pageSize = 10_000;

type Loss = "all data" | "no data";

interface RoundOptions {
  readonly elapseMs: number;
  readonly cut: boolean;
  readonly loss?: Loss | undefined;
}

/** Two nodes on one real Redis, one of them over a proxy that breaks; the test moves the time. */
export class InterleavingHarness {
  readonly nodes: Nodes;
  readonly #stable: RedisStore;
  readonly #shaky: RedisStore;
  readonly #link: LossyProxy;
  readonly #redis: ReturnType<typeof makeClient>;
  readonly #stepMs: number;
  readonly #positions = shards.map(() => 0);
  /** Shards whose log may be gone since. */
  readonly #astray = new Set<number>();
  readonly #stop: () => Promise<void>;

  private constructor(
    stores: { stable: RedisStore; shaky: RedisStore },
    link: LossyProxy,
    redis: ReturnType<typeof makeClient>,
    stepMs: number,
    stop: () => Promise<void>,
  ) {
    this.#stable = stores.stable;
    this.#shaky = stores.shaky;
    this.nodes = [stores.stable, stores.shaky];
    this.#link = link;
    this.#redis = redis;
    this.#stepMs = stepMs;
    this.#stop = stop;
  }

  static async open(rules: Rules): Promise<InterleavingHarness> {
    const server = await startRedis();
    await settleStore(server.url, shardCount);
    const link = await openLossyProxy(server);
    const options = { rules, retentionMs: 24 * 3_600_000, shards: shardCount };
    const stable = createRedisStore({ ...options, url: server.url }, systemClock);
    const shaky = createRedisStore({ ...options, url: link.url }, systemClock);
    const redis = makeClient(server.url);
    await Promise.all([stable.open(), shaky.open(), redis.connect()]);
    const harness = new InterleavingHarness({ stable, shaky }, link, redis, tickCapMs(rules.ttlMs), async () => {
      await Promise.all([stable.close(), shaky.close(), redis.destroy(), link.close()]);
      await server.stop();
    });
    await harness.#tickAll();
    return harness;
  }

  close(): Promise<void> {
    return this.#stop();
  }

  /**
   * Runs calls while the time passes and both nodes tick.
   * @param play starts the calls
   * @param options.elapseMs shard clock time to pass, besides the real time
   * @param options.cut in the middle of it one node's connections break
   * @param options.loss in the middle of it Redis loses all, or another server takes its place and has all
   * @returns by shard: the readings of its clock before the first call and after the last
   */
  async round(play: () => Promise<void>[], options: RoundOptions): Promise<Round[]> {
    const before = await this.#tickAll();
    const calls = Promise.all(play());
    const elapse = this.#elapse(options.elapseMs);
    const cut = options.cut ? this.#cut() : undefined;
    const loss = options.loss === undefined ? undefined : this.#lose(options.loss);
    await Promise.all([calls, elapse, cut, loss]);
    const after = await this.#tickAll();
    return shards.map((shard) => ({ beforeMs: before[shard] as number, afterMs: after[shard] as number }));
  }

  /** While `play` runs, commands of the second node do not arrive; only the first one ticks. */
  async whileStalled(play: () => Promise<void>): Promise<void> {
    this.#link.stall();
    await play();
    this.#link.resume();
  }

  /** While `play` runs, this share of the second node's chunks is lost, each with its connection. */
  async whileFlapping(share: number, random: Random, play: () => Promise<void>): Promise<void> {
    this.#link.flap(share, random);
    await play();
    this.#link.flap(0, random);
  }

  /** Lets the second node tick until a tick of each shard has worked. */
  async tickSecond(): Promise<void> {
    for (const shard of shards) {
      const isTicked = () =>
        this.#shaky.tick(shard, tickLimit).then(
          () => true,
          () => false,
        );
      await waitUntil(isTicked, { what: "a tick gets through" });
    }
  }

  /** Passes time that only the first node counts. */
  async elapseForFirst(ms: number): Promise<void> {
    await this.#elapse(ms, [this.#stable]);
  }

  shardOf(userId: string): number {
    return shardOf(userId, shardCount);
  }

  /** Log entries since the last call, by user. */
  async newEntries(): Promise<Map<string, Transition[]>> {
    const byUser = new Map<string, Transition[]>();
    for (const shard of shards) {
      for (;;) {
        const { entries, gap } = await this.#stable.readLog(shard, this.#positions[shard] as number, pageSize);
        assert(!gap || this.#astray.delete(shard), "nothing is trimmed here");
        for (const entry of entries) {
          assert(entry.version > (this.#positions[shard] as number), "P3: a log only grows");
          this.#positions[shard] = entry.version;
          if (!isMark(entry)) byUser.set(entry.userId, [...(byUser.get(entry.userId) ?? []), entry]);
        }
        if (entries.length < pageSize) break;
      }
    }
    return byUser;
  }

  /** Views of each user from both nodes. */
  async views(userIds: readonly string[]): Promise<UserView[][]> {
    const [one, other] = await Promise.all(this.nodes.map((node) => node.users(userIds)));
    return userIds.map((_, index) => [one?.[index] as UserView, other?.[index] as UserView]);
  }

  /** Sessions live or in grace, and users online, in all shards. */
  async count(): Promise<{ sessions: number; usersOnline: number }> {
    const ticks = await Promise.all(shards.map((shard) => this.#stable.tick(shard, 0)));
    return {
      sessions: ticks.reduce((sum, tick) => sum + tick.sessions, 0),
      usersOnline: ticks.reduce((sum, tick) => sum + tick.usersOnline, 0),
    };
  }

  /** Takes down whatever is due. @returns the shard clocks, ms */
  async #tickAll(): Promise<number[]> {
    return Promise.all(
      shards.map(async (shard) => {
        for (;;) {
          const { expired, clockMs } = await this.#stable.tick(shard, tickLimit);
          if (expired < tickLimit) return clockMs;
        }
      }),
    );
  }

  async #elapse(ms: number, ticking: readonly PresenceStore[] = this.nodes): Promise<void> {
    const keys = shardKeys(shardCount);
    for (let leftMs = ms; leftMs > 0; leftMs -= this.#stepMs) {
      const step = String(-Math.min(leftMs, this.#stepMs));
      // Makes the last tick look as if it had been that long ago: Redis' own time cannot be moved.
      await Promise.all(keys.map(({ meta }) => this.#redis.sendCommand(["HINCRBY", meta, "ticked", step])));
      // The shaky node's ticks may get lost; those of the other are enough.
      await Promise.allSettled(ticking.flatMap((node) => shards.map((shard) => node.tick(shard, tickLimit))));
    }
  }

  async #lose(loss: Loss): Promise<void> {
    await new Promise(setImmediate);
    for (const shard of shards) this.#astray.add(shard);
    if (loss === "all data") {
      await this.#redis.sendCommand(["FLUSHALL"]);
      return;
    }
    const command = (meta: string) => ["HSET", meta, "run_id", "another"];
    await Promise.all(shardKeys(shardCount).map(({ meta }) => this.#redis.sendCommand(command(meta))));
  }

  async #cut(): Promise<void> {
    await new Promise(setImmediate);
    await this.#link.cut();
    await waitUntil(() => this.#shaky.health().ready, { what: "the node whose connections broke is back" });
    // Heartbeats that it kept count as of now: 10 s of real time may be any time of the shards' clocks.
    await this.tickSecond();
    const isDelivered = () => this.#shaky.metrics().bounds.keptHeartbeats?.used === 0;
    await waitUntil(isDelivered, { what: "what it kept is delivered" });
  }
}

function makeClient(url: string) {
  return createClient({ url, RESP: 2 });
}
