import { startRedisCluster, startSentinels } from "@realchat/presence-testing";
import type { Random } from "../random/random.ts";
import type { RedisPlace } from "./redis-place.ts";

/** A server of a group: a primary, a replica or a Sentinel. */
export interface GroupServer {
  readonly port: number;
  pause(): void;
  resume(): void;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** Several servers of which some take writes, and others take their place when they fail. */
export interface RedisGroup extends RedisPlace {
  primaries(): Promise<readonly GroupServer[]>;
  replicas(): Promise<readonly GroupServer[]>;
  readonly sentinels: readonly GroupServer[];
  /** Has a replica take a primary's place while both are well. */
  failOver(random: Random): Promise<void>;
  /** Moves a slot that holds a shard to another primary. */
  moveSlot(random: Random): Promise<void>;
  untilWhole(): Promise<void>;
}

export function isGroup(place: RedisPlace): place is RedisGroup {
  return place.kind !== "single";
}

const nowhere = { host: "127.0.0.1", port: 9 };

export async function startSentinelRedis(): Promise<RedisGroup> {
  const group = await startSentinels();
  const { servers, sentinels, masterName } = group;
  return {
    ...{ kind: "sentinel", target: nowhere, sentinels },
    settings: () => ({
      REDIS_SENTINELS: sentinels.map(({ host, port }) => `${host}:${port}`).join(","),
      REDIS_SENTINEL_MASTER: masterName,
    }),
    async flush() {
      await (await group.master()).command("FLUSHALL");
    },
    primaries: async () => [await group.master()],
    async replicas() {
      const master = await group.master();
      return servers.filter((server) => server !== master);
    },
    async failOver() {
      await group.failover();
    },
    async moveSlot() {},
    untilWhole: () => group.untilWhole(),
    stop: () => group.stop(),
  };
}

export async function startClusterRedis(): Promise<RedisGroup> {
  const group = await startRedisCluster();
  return {
    ...{ kind: "cluster", target: nowhere, sentinels: [] },
    settings: () => ({ REDIS_URL: group.url, REDIS_CLUSTER: "true" }),
    async flush() {
      for (const primary of await group.primaries()) await primary.command("FLUSHALL");
    },
    primaries: () => group.primaries(),
    async replicas() {
      const primaries = await group.primaries();
      return group.nodes.filter((node) => !primaries.includes(node));
    },
    async failOver(random) {
      await group.failover(random.oneOf(await group.primaries()));
    },
    async moveSlot(random) {
      const primaries = await group.primaries();
      const from = random.oneOf(primaries);
      const [key] = ((await from.command("SCAN", "0", "COUNT", "1000")) as [string, string[]])[1];
      if (key === undefined) return;
      const others = primaries.filter((primary) => primary !== from);
      await group.migrateSlot(await group.slotOf(key), random.oneOf(others));
    },
    untilWhole: () => group.untilWhole(),
    stop: () => group.stop(),
  };
}
