import type { LogEntry } from "../../services/presence/domain/log-entry.ts";
import type { Rules } from "../../services/presence/domain/rules.ts";
import { createMemoryStore } from "../../services/presence/store/memory/memory-store.ts";
import type { PresenceStore } from "../../services/presence/store/store.ts";
import type { Path } from "../network/path.ts";
import type { ShardTick } from "../promises/truth-clock.ts";
import type { Machine } from "../time/machine.ts";
import { MemoryLink } from "./memory-link.ts";
import { RedisLink } from "./redis/redis-link.ts";
import { SimulatedRedis } from "./redis/simulated-redis.ts";
import type { ServerConnection } from "./server-connection.ts";

/** A node's store: a connection to what all nodes share. */
export type NodeStore = PresenceStore & { readonly connection: ServerConnection; abandon(): void };

/** What all nodes share, seen from outside. */
export interface SharedStore {
  readonly shardCount: number;
  /** Shard clock as the last tick left it, ms. */
  clockMs(shard: number): number;
  lastTick(shard: number): ShardTick;
  /** Shard clock until which it recovers, ms; 0: it never lost anything. */
  recoveringUntilMs(shard: number): number;
  /** A node's way there. */
  link(machine: Machine, path: Path): NodeStore;
  /** Undefined for the memory store, which loses nothing. */
  readonly redis: SimulatedRedis | undefined;
}

const shards = 2;

/** Redis, with several shards. It may lose what it has. */
export function sharedRedis(server: Machine, rules: Rules, onEntry: (entry: LogEntry) => void): SharedStore {
  const redis = new SimulatedRedis(server, shards, rules);
  const ticks = new LastTicks(server, shards);
  redis.onEntry = onEntry;
  redis.onTick = (shard) => ticks.ticked(shard, redis.clockMs(shard));
  return {
    shardCount: shards,
    clockMs: (shard) => redis.clockMs(shard),
    lastTick: (shard) => ticks.of(shard),
    recoveringUntilMs: (shard) => redis.recoveringUntilMs(shard),
    link: (machine, path) => new RedisLink({ machine, path, redis, rules }),
    redis,
  };
}

/** The memory store, behind a network. */
export function sharedMemory(
  server: Machine,
  rules: Rules,
  maxSessions: number,
  onEntry: (entry: LogEntry) => void,
): SharedStore {
  const store = createMemoryStore({ rules, retentionMs: 86_400_000, logMaxEntries: 10_000, maxSessions }, server);
  void store.open();
  const ticks = new LastTicks(server, store.shardCount);
  const tick = store.tick.bind(store);
  store.tick = async (shard, limit) => {
    const ticked = await tick(shard, limit);
    ticks.ticked(shard, ticked.clockMs);
    return ticked;
  };
  for (let shard = 0; shard < store.shardCount; shard++) store.follow(shard, { entry: onEntry, interrupted() {} });
  return {
    shardCount: store.shardCount,
    clockMs: (shard) => ticks.of(shard).clockMs,
    lastTick: (shard) => ticks.of(shard),
    recoveringUntilMs: () => 0,
    link: (machine, path) => new MemoryLink({ machine, server, path, store }),
    redis: undefined,
  };
}

/** Writes down when ticks moved the clocks of shards. */
class LastTicks {
  readonly #server: Machine;
  readonly #ticks: ShardTick[];

  constructor(server: Machine, shardCount: number) {
    this.#server = server;
    this.#ticks = Array.from({ length: shardCount }, () => ({ clockMs: 0, atMs: 0, steps: 0 }));
  }

  of(shard: number): ShardTick {
    return this.#ticks[shard] as ShardTick;
  }

  ticked(shard: number, clockMs: number): void {
    const { forwardSteps: steps } = this.#server;
    if (clockMs !== this.of(shard).clockMs) this.#ticks[shard] = { clockMs, atMs: this.#server.monotonicMs(), steps };
  }
}
