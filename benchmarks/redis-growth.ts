import { startPresence } from "@realchat/presence-testing";
import type { SessionRef } from "../services/presence/domain/session.ts";
import type { Bench, Benchmark } from "./benchmark.ts";
import { connectPresence, nodeCpuUs, refreshEach } from "./grpc/heartbeats.ts";
import { closedLoopOf } from "./load/closed-loop.ts";
import { identities } from "./load/identities.ts";
import { inRings, type NextOf } from "./load/turns.ts";
import { type Cost, costOf } from "./redis/cpu-of.ts";
import { refreshAll } from "./redis/heartbeats.ts";
import { KeyPerSession } from "./redis/key-per-session.ts";
import { type MeasuredRedis, startMeasuredRedis } from "./redis/measured-redis.ts";
import { openPresence, registerAll } from "./redis/presence-on-redis.ts";
import type { Target } from "./report/figure.ts";

const few = 10_000;
const inFlight = 64;

export const redisGrowth: Benchmark = {
  name: "redis-growth",
  about: "how a heartbeat's cost grows from ten thousand sessions to a million",
  limitSeconds: 600,
  async run(bench) {
    const many = bench.quick ? 100_000 : 1_000_000;
    bench.progress(`registering ${few.toLocaleString("en")} and ${many.toLocaleString("en")} sessions`);
    const ours = { small: await openFilled(few), large: await openFilled(many) };
    await compare(bench, ours, { many, layout: "presence", target: { ratioAtMost: 1.5 } });
    await compareWhole(bench, ours, many);
    await Promise.all([ours.small.close(), ours.large.close()]);

    bench.progress("registering as many with a key per session");
    const plain = { small: await openFilledPlainly(few), large: await openFilledPlainly(many) };
    await compare(bench, plain, { many, layout: "key per session" });
    await Promise.all([plain.small.close(), plain.large.close()]);
  },
};

/** A heartbeat from the wire on, with all that it costs the machines that run presence. */
async function compareWhole(
  bench: Bench,
  { small, large }: { small: FilledPresence; large: FilledPresence },
  many: number,
) {
  const calls = bench.quick ? 5_000 : 40_000;
  const rounds = bench.quick ? 2 : 5;
  const sides = [await throughNode(small), await throughNode(large)] as const;
  const [ofSmall, ofLarge]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    const costs = [await sides[0].costUs(calls), await sides[1].costUs(calls)] as const;
    // The first round compiles, on our side and the nodes', and does not count.
    if (round === 0) continue;
    ofSmall.push(costs[0]);
    ofLarge.push(costs[1]);
    bench.progress(`over gRPC, round ${round} of ${rounds}`);
  }
  bench.report({
    name: `Redis and presence node, CPU of RefreshSession at ${many.toLocaleString("en")} sessions`,
    unit: "µs",
    samples: ofLarge,
    baseline: { name: `at ${few.toLocaleString("en")}`, samples: ofSmall },
    target: { ratioAtMost: 1.5 },
  });
  for (const side of sides) await side.close();
}

async function throughNode({ redis, next }: FilledPresence) {
  const node = await startPresence({ env: { REDIS_URL: redis.url, SESSION_TTL: "1h", LOG_LEVEL: "warn" } });
  const client = connectPresence(node.grpcAddress);
  const usedUs = async () => (await redis.cpuUs()) + (await nodeCpuUs(node));
  return {
    async costUs(count: number): Promise<number> {
      const beforeUs = await usedUs();
      await refreshEach(client, next, { count, inFlight });
      return ((await usedUs()) - beforeUs) / count;
    },
    async close() {
      client.close();
      await node.stop();
    },
  };
}

interface FilledPresence extends Filled {
  readonly redis: MeasuredRedis;
  readonly next: NextOf<SessionRef>;
}

interface Filled {
  cost(count: number): Promise<Cost>;
  close(): Promise<void>;
}

async function compare(
  bench: Bench,
  { small, large }: { small: Filled; large: Filled },
  { many, layout, target }: { many: number; layout: string; target?: Target },
): Promise<void> {
  const heartbeats = bench.quick ? 50_000 : 200_000;
  const rounds = bench.quick ? 2 : 5;
  const costs = { small: [] as Cost[], large: [] as Cost[] };
  for (let round = 0; round <= rounds; round++) {
    const ofSmall = await small.cost(heartbeats);
    const ofLarge = await large.cost(heartbeats);
    if (round === 0) continue;
    costs.small.push(ofSmall);
    costs.large.push(ofLarge);
    bench.progress(`${layout}, round ${round} of ${rounds}`);
  }
  const report = (what: string, part: (cost: Cost) => number) =>
    bench.report({
      name: `${what} CPU a heartbeat at ${many.toLocaleString("en")} sessions, ${layout}`,
      unit: "µs",
      samples: costs.large.map(part),
      baseline: { name: `at ${few.toLocaleString("en")}`, samples: costs.small.map(part) },
      target,
    });
  report("Redis", ({ redisUs }) => redisUs);
  if (target !== undefined) report("Redis and node", ({ redisUs, nodeUs }) => redisUs + nodeUs);
}

async function openFilled(sessionCount: number): Promise<FilledPresence> {
  const redis = await startMeasuredRedis();
  const { store, close } = await openPresence(redis, { logMaxEntries: 16_000 });
  const next = inRings(await registerAll(store, identities(sessionCount)));
  await refreshAll(store, next, { count: sessionCount, inFlight: 1_000 });
  return {
    redis,
    next,
    cost: (count) => costOf(redis, count, () => refreshAll(store, next, { count, inFlight })),
    async close() {
      await close();
      await redis.stop();
    },
  };
}

async function openFilledPlainly(sessionCount: number): Promise<Filled> {
  const redis = await startMeasuredRedis();
  const plain = new KeyPerSession(redis.client);
  const people = identities(sessionCount);
  await plain.load(people);
  const next = inRings(people);
  return {
    cost: (count) => costOf(redis, count, () => closedLoopOf({ count, inFlight }, () => plain.refresh(next()))),
    close: () => redis.stop(),
  };
}
