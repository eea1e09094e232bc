import type { SessionRef } from "../services/presence/domain/session.ts";
import type { RedisStore } from "../services/presence/store/redis/redis-store.ts";
import type { Bench, Benchmark } from "./benchmark.ts";
import { closedLoopOf } from "./load/closed-loop.ts";
import { type Identity, identities } from "./load/identities.ts";
import { atRandom, inRings, inTurn, type NextOf } from "./load/turns.ts";
import { type Cost, costOf } from "./redis/cpu-of.ts";
import { EmptyStore, refreshAll, refreshAtPace } from "./redis/heartbeats.ts";
import { KeyPerSession } from "./redis/key-per-session.ts";
import { type MeasuredRedis, startMeasuredRedis } from "./redis/measured-redis.ts";
import { openPresence, registerAll } from "./redis/presence-on-redis.ts";
import { percentile, type Target } from "./report/figure.ts";

export const redisRefresh: Benchmark = {
  name: "redis-refresh",
  about: "what a heartbeat costs Redis and the node that serves it",
  limitSeconds: 420,
  async run(bench) {
    const sessionCount = bench.quick ? 50_000 : 500_000;
    const people = identities(sessionCount);
    bench.progress(`registering ${sessionCount.toLocaleString("en")} sessions in two Redis servers`);
    const redis = await startMeasuredRedis();
    const { store, close } = await openPresence(redis, { logMaxEntries: 16_000 });
    const sessions = await registerAll(store, people);
    const plainRedis = await startMeasuredRedis();
    const plain = new KeyPerSession(plainRedis.client);
    await plain.load(people);

    const nextSession = inRings(sessions);
    await refreshAll(store, nextSession, { count: sessionCount, inFlight: 1_000 });
    const sides = { redis, store, nextSession, plainRedis, plain, nextPlain: inRings(people) };
    await measureClosedLoad(bench, sides, {
      inFlight: 64,
      redisTarget: { atMost: 2.2, ratioAtMost: 0.4 },
      nodeTarget: { atMost: 3 },
    });
    await measureClosedLoad(bench, sides, {
      inFlight: 64,
      sessionsPerCall: 16,
      redisTarget: { atMost: 2.2, ratioAtMost: 0.4 },
    });
    await measureClosedLoad(bench, sides, { inFlight: 1_000 });
    await measureOpenLoad(bench, sides);
    const shuffled = { ...sides, nextSession: inTurn(sessions), nextPlain: inTurn(people) };
    await refreshAll(store, shuffled.nextSession, { count: sessionCount, inFlight: 1_000 });
    await measureClosedLoad(bench, shuffled, { inFlight: 64, order: ", in an order of chance" });
    const anyone = { ...sides, nextSession: atRandom(sessions), nextPlain: atRandom(people) };
    await measureClosedLoad(bench, anyone, { inFlight: 64, order: ", in random order" });
    await close();
    await Promise.all([redis.stop(), plainRedis.stop()]);
  },
};

interface Sides {
  readonly redis: MeasuredRedis;
  readonly store: RedisStore;
  readonly nextSession: NextOf<SessionRef>;
  readonly plainRedis: MeasuredRedis;
  readonly plain: KeyPerSession;
  readonly nextPlain: NextOf<Identity>;
}

interface ClosedLoad {
  /** Calls. */
  readonly inFlight: number;
  /** Of RefreshSessions; without, each call is a RefreshSession. */
  readonly sessionsPerCall?: number;
  readonly order?: string;
  readonly redisTarget?: Target;
  readonly nodeTarget?: Target;
}

const baselineName = "MULTI EXPIRE EXPIRE EXEC";

async function measureClosedLoad(bench: Bench, sides: Sides, load: ClosedLoad): Promise<void> {
  const { redis, store, nextSession, plainRedis, plain, nextPlain } = sides;
  const { inFlight, sessionsPerCall = 1 } = load;
  const order = sessionsPerCall === 1 ? (load.order ?? "") : `, ${sessionsPerCall} sessions a call`;
  const count = bench.quick ? 50_000 : 200_000;
  const plainCount = Math.floor(count / 4 / sessionsPerCall) * sessionsPerCall;
  const ours: Cost[] = [];
  const theirs: Cost[] = [];
  const generator: Cost[] = [];
  // The first round compiles and connects, and does not count.
  for (let round = 0; round <= roundsOf(bench); round++) {
    const calls = { count, inFlight, sessionsPerCall };
    const cost = await costOf(redis, count, () => refreshAll(store, nextSession, calls));
    const empty = await costOf(redis, count, () => refreshAll(new EmptyStore(), nextSession, calls));
    const plainCost = await costOf(plainRedis, plainCount, () =>
      closedLoopOf({ count: plainCount / sessionsPerCall, inFlight }, () =>
        Promise.all(Array.from({ length: sessionsPerCall }, () => plain.refresh(nextPlain()))),
      ),
    );
    if (round === 0) continue;
    ours.push(cost);
    generator.push(empty);
    theirs.push(plainCost);
    bench.progress(`${inFlight} in flight${order}, round ${round}: ${cost.redisUs.toFixed(2)} µs of Redis a heartbeat`);
  }
  bench.report({
    name: `Redis CPU a heartbeat, ${inFlight} in flight${order}`,
    unit: "µs",
    samples: ours.map(({ redisUs }) => redisUs),
    baseline: { name: baselineName, samples: theirs.map(({ redisUs }) => redisUs) },
    target: load.redisTarget,
  });
  const storePart = ({ nodeUs }: Cost, round: number) => nodeUs - (generator[round] as Cost).nodeUs;
  bench.report({
    name: `store part of node CPU a heartbeat, ${inFlight} in flight${order}`,
    unit: "µs",
    samples: ours.map(storePart),
    baseline: { name: baselineName, samples: theirs.map(storePart) },
    target: load.nodeTarget,
  });
}

async function measureOpenLoad(bench: Bench, { redis, store, nextSession }: Sides): Promise<void> {
  const perSecond = 100_000;
  const load = { perSecond, count: perSecond * (bench.quick ? 1 : 3) };
  const ours: number[] = [];
  const generator: number[] = [];
  for (let round = 1; round <= roundsOf(bench); round++) {
    let latencies: Float64Array = new Float64Array();
    const { redisUs, wallUs } = await costOf(redis, load.count, async () => {
      latencies = await refreshAtPace(store, nextSession, load);
    });
    ours.push(percentile(latencies, 0.99));
    generator.push(percentile(await refreshAtPace(new EmptyStore(), nextSession, load), 0.99));
    const served = Math.round(1_000_000 / wallUs).toLocaleString("en");
    bench.progress(`${served} heartbeats a second, ${redisUs.toFixed(2)} µs of Redis each, round ${round}`);
  }
  bench.report({
    name: "p99 of a heartbeat, 100,000/s offered",
    unit: "ms",
    samples: ours,
    baseline: { name: "generator alone", samples: generator },
  });
}

function roundsOf({ quick }: Bench): number {
  return quick ? 2 : 5;
}
