import { systemClock as clock } from "@realchat/presence-runtime";
import type { SessionRef } from "../services/presence/domain/session.ts";
import type { RedisStore } from "../services/presence/store/redis/redis-store.ts";
import type { RefreshResult } from "../services/presence/store/store.ts";
import type { Bench, Benchmark } from "./benchmark.ts";
import { closedLoop, closedLoopOf } from "./load/closed-loop.ts";
import { type Identity, identities } from "./load/identities.ts";
import { openLoop } from "./load/open-loop.ts";
import { type Cost, costOf } from "./redis/cpu-of.ts";
import { KeyPerSession } from "./redis/key-per-session.ts";
import { type MeasuredRedis, startMeasuredRedis } from "./redis/measured-redis.ts";
import { openPresence, registerAll } from "./redis/presence-on-redis.ts";
import { percentile } from "./report/figure.ts";

/** Heartbeats of one session after the other, in no order that the store could know. */
export const redisRefresh: Benchmark = {
  name: "redis-refresh",
  about: "what a heartbeat costs Redis and the node that serves it",
  limitSeconds: 420,
  async run(bench) {
    const sessionCount = bench.quick ? 50_000 : 500_000;
    const people = identities(sessionCount, "UUID");

    bench.progress(`registering ${sessionCount.toLocaleString("en")} sessions in two Redis servers`);
    const redis = await startMeasuredRedis();
    const presence = await openPresence(redis.url, { logMaxEntries: 16_000 });
    const sessions = await registerAll(presence.store, people);
    const plainRedis = await startMeasuredRedis();
    const plain = new KeyPerSession(plainRedis.client);
    await plain.load(people);

    const sides = { redis, store: presence.store, sessions, plainRedis, plain, people };
    for (const inFlight of [64, 1_000]) await measureClosedLoad(bench, sides, inFlight);
    await measureOpenLoad(bench, redis, presence.store, sessions);
    await presence.close();
    await Promise.all([redis.stop(), plainRedis.stop()]);
  },
};

interface Sides {
  readonly redis: MeasuredRedis;
  readonly store: RedisStore;
  readonly sessions: readonly SessionRef[];
  readonly plainRedis: MeasuredRedis;
  readonly plain: KeyPerSession;
  readonly people: readonly Identity[];
}

function roundsOf({ quick }: Bench): number {
  return quick ? 2 : 5;
}

/** As many callers as are in flight, each with its next heartbeat as soon as the last one is answered. */
async function measureClosedLoad(bench: Bench, sides: Sides, inFlight: number): Promise<void> {
  const { redis, store, sessions, plainRedis, plain, people } = sides;
  const heartbeats = bench.quick ? 50_000 : 200_000;
  const ours: Cost[] = [];
  const theirs: Cost[] = [];
  const generator: Cost[] = [];
  for (let round = 0; round <= roundsOf(bench); round++) {
    const load = { count: heartbeats, inFlight, from: round * heartbeats };
    const cost = await costOf(redis, heartbeats, () => refreshAll(store, sessions, load));
    const empty = await costOf(redis, heartbeats, () => refreshAll(new EmptyStore(), sessions, load));
    const baseline = await costOf(plainRedis, heartbeats / 4, () => refreshPlainly(plain, people, load));
    // The first round compiles and connects.
    if (round === 0) continue;
    ours.push(cost);
    generator.push(empty);
    theirs.push(baseline);
    bench.progress(`${inFlight} in flight, round ${round}: ${cost.redisUs.toFixed(2)} µs of Redis a heartbeat`);
  }
  reportRefresh(bench, { inFlight, ours, theirs, generator });
}

function reportRefresh(
  bench: Bench,
  costs: { inFlight: number; ours: Cost[]; theirs: Cost[]; generator: Cost[] },
): void {
  const { inFlight, ours, theirs, generator } = costs;
  const isGoal = inFlight === 64;
  bench.report({
    name: `Redis CPU a heartbeat, ${inFlight} in flight`,
    unit: "µs",
    samples: ours.map(({ redisUs }) => redisUs),
    baseline: { name: "MULTI EXPIRE EXPIRE EXEC", samples: theirs.map(({ redisUs }) => redisUs) },
    ...(isGoal && { target: { atMost: 2.2, ratioAtMost: 0.4 } }),
  });
  const emptyUs = (round: number) => (generator[round] as Cost).nodeUs;
  bench.report({
    name: `store part of node CPU a heartbeat, ${inFlight} in flight`,
    unit: "µs",
    samples: ours.map(({ nodeUs }, round) => nodeUs - emptyUs(round)),
    baseline: {
      name: "MULTI EXPIRE EXPIRE EXEC",
      samples: theirs.map(({ nodeUs }, round) => nodeUs - emptyUs(round)),
    },
    ...(isGoal && { target: { atMost: 3 } }),
  });
}

type Refreshing = Pick<RedisStore, "refresh">;
type Load = { readonly count: number; readonly inFlight: number; readonly from: number };

/** Prime, and no divisor of any count of sessions here: every session has its turn before one has its second. */
const stride = 7_919;

export async function refreshAll(store: Refreshing, sessions: readonly SessionRef[], load: Load): Promise<void> {
  let lost = 0;
  let next = () => {};
  const reply = ({ kind }: RefreshResult) => {
    if (kind !== "refreshed") lost += 1;
    next();
  };
  await closedLoop(load, (index, answered) => {
    next = answered;
    store.refresh(sessions[((load.from + index) * stride) % sessions.length] as SessionRef, reply, index);
  });
  if (lost > 0) throw new Error(`${lost} of ${load.count} heartbeats found no session`);
}

/** A quarter as many, since each takes several times as long. */
async function refreshPlainly(plain: KeyPerSession, people: readonly Identity[], load: Load): Promise<void> {
  await closedLoopOf({ count: load.count / 4, inFlight: load.inFlight }, (index) =>
    plain.refresh(people[((load.from + index) * stride) % people.length] as Identity),
  );
}

/** Answers whatever was asked in one turn of the event loop in the next: the generator's own cost. */
class EmptyStore implements Refreshing {
  #waiting: (() => void)[] = [];

  refresh(...[, reply, tag]: Parameters<Refreshing["refresh"]>): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#answer());
    this.#waiting.push(() => reply({ kind: "refreshed" }, tag));
  }

  #answer(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const answer of waiting) answer();
  }
}

/** Heartbeats that come at their own pace. */
async function measureOpenLoad(
  bench: Bench,
  redis: MeasuredRedis,
  store: Refreshing,
  sessions: readonly SessionRef[],
): Promise<void> {
  const perSecond = 100_000;
  const load = { perSecond, count: perSecond * (bench.quick ? 1 : 3) };
  const costs: Cost[] = [];
  const ours: number[] = [];
  const generator: number[] = [];
  for (let round = 1; round <= roundsOf(bench); round++) {
    let latencies = new Float64Array();
    costs.push(
      await costOf(redis, load.count, async () => {
        latencies = await latenciesOf(store, sessions, load);
      }),
    );
    ours.push(percentile(latencies, 0.99));
    generator.push(percentile(await latenciesOf(new EmptyStore(), sessions, load), 0.99));
    const served = Math.round(1_000_000 / (costs.at(-1) as Cost).wallUs).toLocaleString("en");
    bench.progress(`open load, round ${round}: ${served} heartbeats a second were served`);
  }
  bench.report({
    name: "Redis CPU a heartbeat, 100,000/s offered",
    unit: "µs",
    samples: costs.map(({ redisUs }) => redisUs),
  });
  bench.report({
    name: "p99 of a heartbeat, 100,000/s offered",
    unit: "ms",
    samples: ours,
    baseline: { name: "generator alone", samples: generator },
  });
}

/** @returns ms from when each heartbeat was due to its answer */
async function latenciesOf(
  store: Refreshing,
  sessions: readonly SessionRef[],
  load: { perSecond: number; count: number },
): Promise<Float64Array<ArrayBuffer>> {
  const dueMs = new Float64Array(load.count);
  const latencies = new Float64Array(load.count);
  const finished = Promise.withResolvers<void>();
  let answers = 0;
  const reply = ({ kind }: RefreshResult, index: number) => {
    if (kind !== "refreshed") finished.reject(new Error(`a heartbeat was ${kind}`));
    latencies[index] = clock.monotonicMs() - (dueMs[index] as number);
    answers += 1;
    if (answers === load.count) finished.resolve();
  };
  await openLoop(load, (index, due) => {
    dueMs[index] = due;
    store.refresh(sessions[(index * stride) % sessions.length] as SessionRef, reply, index);
  });
  await finished.promise;
  return latencies;
}
