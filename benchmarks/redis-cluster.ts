import { startRedis, startRedisCluster } from "@realchat/presence-testing";
import type { SessionRef } from "../services/presence/domain/session.ts";
import type { RedisStore } from "../services/presence/store/redis/redis-store.ts";
import type { Benchmark } from "./benchmark.ts";
import { closedLoopOf } from "./load/closed-loop.ts";
import { type Identity, identities } from "./load/identities.ts";
import { inRings } from "./load/turns.ts";
import { type Cost, costOf } from "./redis/cpu-of.ts";
import { refreshAll } from "./redis/heartbeats.ts";
import { startMeasuredRedis } from "./redis/measured-redis.ts";
import { openPresence, registerAll } from "./redis/presence-on-redis.ts";

/** Heartbeats of a busy node. */
const inFlight = 1_000;
/** Of one that has little to do: three servers wake up three times as often as one. */
const fewInFlight = 64;
const usersPerQuestion = 100;

/** The same calls on one server and on a Cluster of three, each server with a replica. */
export const redisCluster: Benchmark = {
  name: "redis-cluster",
  about: "what a Cluster costs more than one server, by the servers' CPU a call",
  limitSeconds: 240,
  async run(bench) {
    const people = identities(bench.quick ? 12_000 : 60_000);
    const sides = [await openCluster(), await openSingle()] as const;
    const rounds = bench.quick ? 2 : 5;
    const costs = sides.map(() => ({
      register: [] as Cost[],
      refresh: [] as Cost[],
      few: [] as Cost[],
      ask: [] as Cost[],
    }));
    for (let round = 0; round <= rounds; round++) {
      const comers = people.map((who) => ({ ...who, connectionId: `${who.connectionId.slice(4)}-${round}` }));
      for (const [index, side] of sides.entries()) {
        const figures = await costsOf(side, comers);
        // The first round compiles and connects.
        if (round === 0) continue;
        for (const name of ["register", "refresh", "few", "ask"] as const) costs[index]?.[name].push(figures[name]);
      }
      bench.progress(`round ${round} of ${rounds}`);
    }
    const [ours, theirs] = costs as [(typeof costs)[0], (typeof costs)[0]];
    for (const [name, what, ratioAtMost] of [
      ["refresh", "a heartbeat", 1.15],
      ["few", `a heartbeat, ${fewInFlight} in flight,`, undefined],
      ["register", "a registration", 1.15],
      ["ask", `GetPresence of ${usersPerQuestion} users`, 1.15],
    ] as const) {
      const report = (whose: string, of: (cost: Cost) => number, ratioAtMost?: number) =>
        bench.report({
          name: `${whose} of ${what} on a Cluster of three`,
          unit: "µs",
          samples: ours[name].map(of),
          baseline: { name: "one server", samples: theirs[name].map(of) },
          target: ratioAtMost === undefined ? undefined : { ratioAtMost },
        });
      report("Redis CPU", ({ redisUs }) => redisUs, ratioAtMost);
      report("node CPU", ({ nodeUs }) => nodeUs);
    }
    for (const side of sides) await side.close();
  },
};

interface Side {
  readonly store: RedisStore;
  cpuUs(): Promise<number>;
  close(): Promise<void>;
}

async function openSingle(): Promise<Side> {
  const redis = await startMeasuredRedis();
  const { hostname, port } = new URL(redis.url);
  const replica = await startRedis({ args: ["--replicaof", hostname, port] });
  const { store, close } = await openPresence(redis, { memoryMs: 1, logMaxEntries: 16_000 });
  return {
    store,
    cpuUs: redis.cpuUs,
    async close() {
      await close();
      await replica.stop();
      await redis.stop();
    },
  };
}

async function openCluster(): Promise<Side> {
  const cluster = await startRedisCluster({ nodeTimeoutMs: 5_000 });
  const primaries = await cluster.primaries();
  const { store, close } = await openPresence(
    { url: cluster.url, cluster: true },
    { memoryMs: 1, logMaxEntries: 16_000 },
  );
  return {
    store,
    async cpuUs() {
      const infos = await Promise.all(primaries.map((node) => node.command("INFO", "cpu")));
      const seconds = infos.flatMap((info) => [.../used_cpu_(?:user|sys):(.*)/g[Symbol.matchAll](String(info))]);
      return seconds.reduce((total, [, value]) => total + Number(value), 0) * 1_000_000;
    },
    async close() {
      await close();
      await cluster.stop();
    },
  };
}

async function costsOf({ store, cpuUs }: Side, people: readonly Identity[]) {
  let sessions: SessionRef[] = [];
  const register = await costOf({ cpuUs }, people.length, async () => {
    sessions = await registerAll(store, people);
  });
  const refreshes = people.length * 4;
  const beats = (inFlight: number) =>
    costOf({ cpuUs }, refreshes, () => refreshAll(store, inRings(sessions), { count: refreshes, inFlight }));
  const refresh = await beats(inFlight);
  const few = await beats(fewInFlight);
  const questions = 400;
  const ask = await costOf({ cpuUs }, questions, () =>
    closedLoopOf({ count: questions, inFlight: 4 }, async (question) => {
      const start = (question * usersPerQuestion) % (people.length - usersPerQuestion);
      const views = await store.users(people.slice(start, start + usersPerQuestion).map(({ userId }) => userId));
      if (!views.every(({ online }) => online)) throw new Error("somebody is not online");
    }),
  );
  await closedLoopOf({ count: sessions.length, inFlight: 256 }, async (index) => {
    await store.unregister({ ...(sessions[index] as SessionRef), reason: "UNSPECIFIED" });
  });
  return { register, refresh, few, ask };
}
