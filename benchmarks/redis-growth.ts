import type { Benchmark } from "./benchmark.ts";
import { identities } from "./load/identities.ts";
import { type Cost, costOf } from "./redis/cpu-of.ts";
import { startMeasuredRedis } from "./redis/measured-redis.ts";
import { openPresence, registerAll } from "./redis/presence-on-redis.ts";
import { refreshAll } from "./redis-refresh.ts";

export const redisGrowth: Benchmark = {
  name: "redis-growth",
  about: "how a heartbeat's cost grows from ten thousand sessions to a million",
  limitSeconds: 420,
  async run(bench) {
    const few = 10_000;
    const many = bench.quick ? 100_000 : 1_000_000;
    const heartbeats = bench.quick ? 50_000 : 200_000;
    const rounds = bench.quick ? 2 : 5;
    bench.progress(`registering ${few.toLocaleString("en")} and ${many.toLocaleString("en")} sessions`);
    const small = await openFilled(few);
    const large = await openFilled(many);

    for (const inFlight of [64, 1_000]) {
      const costs = { small: [] as Cost[], large: [] as Cost[] };
      for (let round = 0; round <= rounds; round++) {
        const load = { count: heartbeats, inFlight, from: round * heartbeats };
        const ofSmall = await costOf(small.redis, heartbeats, () => refreshAll(small.store, small.sessions, load));
        const ofLarge = await costOf(large.redis, heartbeats, () => refreshAll(large.store, large.sessions, load));
        if (round === 0) continue;
        costs.small.push(ofSmall);
        costs.large.push(ofLarge);
        bench.progress(`${inFlight} in flight, round ${round} of ${rounds}`);
      }
      for (const [what, part] of [
        ["Redis", "redisUs"],
        ["node", "nodeUs"],
      ] as const) {
        bench.report({
          name: `${what} CPU a heartbeat at ${many.toLocaleString("en")} sessions, ${inFlight} in flight`,
          unit: "µs",
          samples: costs.large.map((cost) => cost[part]),
          baseline: { name: `at ${few.toLocaleString("en")}`, samples: costs.small.map((cost) => cost[part]) },
          ...(inFlight === 64 && what === "Redis" && { target: { ratioAtMost: 1.5 } }),
        });
      }
    }
    await Promise.all([small.close(), large.close()]);
  },
};

async function openFilled(sessionCount: number) {
  const redis = await startMeasuredRedis();
  const { store, close } = await openPresence(redis.url, { logMaxEntries: 16_000 });
  const sessions = await registerAll(store, identities(sessionCount, "UUID"));
  return {
    redis,
    store,
    sessions,
    async close() {
      await close();
      await redis.stop();
    },
  };
}
