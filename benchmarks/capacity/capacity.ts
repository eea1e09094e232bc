import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { defaultRules } from "../../services/presence/domain/rules.ts";
import { createRedisStore } from "../../services/presence/store/redis/redis-store.ts";
import type { Bench, Benchmark } from "../benchmark.ts";
import { costOf } from "../redis/cpu-of.ts";
import { startMeasuredRedis } from "../redis/measured-redis.ts";
import { spreadOf } from "../report/figure.ts";
import { reckon, round, tenMillion } from "./reckon.ts";
import type { UpkeepCosts } from "./unit-costs.ts";

const shards = 64;

/** Measures what shards cost by being there, and reckons 10,000,000 sessions from that and the other benchmarks. */
export const capacity: Benchmark = {
  name: "capacity",
  about: "what a shard costs at rest, and 10,000,000 sessions on a Cluster reckoned from unit costs",
  limitSeconds: 120,
  async run(bench) {
    const upkeep = await measureUpkeep(bench);
    for (const { part, what, value, unit, from } of reckon(tenMillion, upkeep)) {
      bench.report({
        name: `reckoned: ${part}, ${what} (${from})`,
        unit,
        samples: [Number(round(value).replaceAll(",", ""))],
      });
    }
  },
};

async function measureUpkeep(bench: Bench): Promise<UpkeepCosts> {
  const redis = await startMeasuredRedis();
  const options = { url: redis.url, shards, rules: defaultRules, retentionMs: 86_400_000 };
  const store = createRedisStore(options, clock);
  await store.open();
  const turns = bench.quick ? 20 : 200;
  const each = async (rounds: number, run: (shard: number) => Promise<unknown>) => {
    for (let turn = 0; turn < rounds; turn++) {
      // Staggered as the ticker has them: a few at a time, not all in one batch.
      for (let shard = 0; shard < shards; shard += 4) {
        await Promise.all([0, 1, 2, 3].map((next) => run(shard + next)));
      }
    }
  };
  const samples = { tickRedisUs: [] as number[], tickNodeUs: [] as number[], claimRedisUs: [] as number[] };
  for (let round = 0; round <= 5; round++) {
    const tick = await costOf(redis, turns * shards, () => each(turns, (shard) => store.tick(shard, 100)));
    const claim = await costOf(redis, turns * shards, () => each(turns, (shard) => store.claim(shard, "node", 1_200)));
    if (round === 0) continue;
    samples.tickRedisUs.push(tick.redisUs);
    samples.tickNodeUs.push(tick.nodeUs);
    samples.claimRedisUs.push(claim.redisUs);
  }
  await store.close();
  await redis.stop();
  bench.report({ name: "Redis CPU a tick of a shard at rest", unit: "µs", samples: samples.tickRedisUs });
  bench.report({ name: "node CPU a tick", unit: "µs", samples: samples.tickNodeUs });
  bench.report({ name: "Redis CPU a renewal of a publisher's lease", unit: "µs", samples: samples.claimRedisUs });
  const median = (of: keyof typeof samples) => spreadOf(samples[of]).median;
  return { tickRedisUs: median("tickRedisUs"), tickNodeUs: median("tickNodeUs"), claimRedisUs: median("claimRedisUs") };
}
