import { type RedisAnswer, startRedisCluster, startSentinels, waitUntil } from "@realchat/presence-testing";
import { startMaxMs } from "../patience.ts";
import type { Random } from "../random/random.ts";
import type { RedisPlace } from "./redis-place.ts";

/** A server of a group: a primary, a replica or a Sentinel. */
export interface GroupServer {
  readonly port: number;
  pause(): void;
  resume(): void;
  kill(): Promise<void>;
  restart(): Promise<void>;
  command(...words: string[]): Promise<RedisAnswer>;
}

/** A primary of which no replica hears any more. */
interface ForsakenPrimary {
  readonly primary: GroupServer;
  /** Lets its replicas follow whoever is their primary then. */
  release(): Promise<void>;
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
  /** From now on a primary's replicas grow stale. */
  forsake(random: Random): Promise<ForsakenPrimary>;
  /** Waits until another server has the place of this primary. */
  untilSucceeded(primary: GroupServer): Promise<void>;
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
    get pids() {
      return servers.map(({ pid }) => pid);
    },
    settings: () => ({
      REDIS_SENTINELS: sentinels.map(({ host, port }) => `${host}:${port}`).join(","),
      REDIS_SENTINEL_MASTER: masterName,
    }),
    async flush() {
      await (await group.master()).command("FLUSHALL");
    },
    limitMemory: (bytes) => limitMemory(servers, bytes),
    primaries: async () => [await group.master()],
    async replicas() {
      const master = await group.master();
      return servers.filter((server) => server !== master);
    },
    async failOver() {
      await group.failover();
    },
    async moveSlot() {},
    forsake: async () => forsake(await group.master(), servers),
    untilSucceeded: (primary) => untilGone(primary, async () => [await group.master()]),
    untilWhole: () => untilWhole(group),
    stop: () => group.stop(),
  };
}

export async function startClusterRedis(): Promise<RedisGroup> {
  const group = await startRedisCluster();
  return {
    ...{ kind: "cluster", target: nowhere, sentinels: [] },
    get pids() {
      return group.nodes.map(({ pid }) => pid);
    },
    settings: () => ({ REDIS_URL: group.url, REDIS_CLUSTER: "true" }),
    async flush() {
      for (const primary of await group.primaries()) await primary.command("FLUSHALL");
    },
    limitMemory: (bytes) => limitMemory(group.nodes, bytes),
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
    forsake: async (random) => forsake(random.oneOf(await group.primaries()), group.nodes),
    untilSucceeded: (primary) => untilGone(primary, () => group.primaries()),
    untilWhole: () => untilWhole(group),
    stop: () => group.stop(),
  };
}

/** On a machine that other work holds up it takes longer than tests wait. */
async function untilWhole(group: Pick<RedisGroup, "untilWhole">): Promise<void> {
  const isWhole = () => group.untilWhole().then(() => true);
  await waitUntil(isWhole, { what: "the group is whole again", deadlineMs: startMaxMs });
}

async function limitMemory(servers: readonly GroupServer[], bytes: number): Promise<void> {
  await Promise.all(servers.map((server) => server.command("CONFIG", "SET", "maxmemory", String(bytes))));
}

/** A replica that introduces itself with a password to a primary that has none is not let in. */
async function forsake(primary: GroupServer, servers: readonly GroupServer[]): Promise<ForsakenPrimary> {
  const roles = await Promise.all(servers.map((server) => server.command("ROLE")));
  const replicas = servers.filter((_, index) => {
    const [role, , port] = roles[index] as readonly RedisAnswer[];
    return role === "slave" && port === primary.port;
  });
  const introduce = (password: string) =>
    Promise.all(replicas.map((replica) => replica.command("CONFIG", "SET", "masterauth", password)));
  await introduce("of somebody else");
  await Promise.all(replicas.map((replica) => replica.command("CLIENT", "KILL", "TYPE", "master")));
  const isApart = async (replica: GroupServer) => !String(await replica.command("ROLE")).includes("connected");
  await waitUntil(async () => (await Promise.all(replicas.map(isApart))).every(Boolean), {
    what: `no replica follows the server at ${primary.port}`,
  });
  return {
    primary,
    async release() {
      await introduce("");
    },
  };
}

async function untilGone(primary: GroupServer, primaries: () => Promise<readonly GroupServer[]>): Promise<void> {
  const isGone = () =>
    primaries().then(
      (all) => !all.includes(primary),
      () => false,
    );
  await waitUntil(isGone, { what: `a replica takes the place of the server at ${primary.port}` });
}
