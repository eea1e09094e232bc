import type { SessionRef } from "../services/presence/domain/session.ts";
import type { RedisStore } from "../services/presence/store/redis/redis-store.ts";
import type { Bench, Benchmark } from "./benchmark.ts";
import { closedLoopOf } from "./load/closed-loop.ts";
import { type Identity, identities } from "./load/identities.ts";
import { type Cost, costOf } from "./redis/cpu-of.ts";
import { channel, KeyPerSession } from "./redis/key-per-session.ts";
import { startMeasuredRedis } from "./redis/measured-redis.ts";
import { openPresence, registerOne } from "./redis/presence-on-redis.ts";

const usersPerQuestion = 100;
const questions = 200;

/**
 * Users with one device each come online and go again, time after time. Each comes and goes with a transition, a log
 * entry and an announcement that a follower hears. What a session leaves behind is forgotten by the time that its user
 * is back, as it is after two minutes.
 */
export const redisTransitions: Benchmark = {
  name: "redis-transitions",
  about: "what coming, going and asking who is online cost Redis and the node",
  limitSeconds: 240,
  async run(bench) {
    const rounds = bench.quick ? 2 : 7;
    const people = identities(bench.quick ? 5_000 : 20_000);
    const sides = [await openPresenceSide(), await openPlainSide()] as const;
    for (const inFlight of [64, 1_000]) {
      const [ours, theirs] = [[] as RoundCosts[], [] as RoundCosts[]];
      for (let round = 0; round <= rounds; round++) {
        // A connection is new each time that its user comes.
        const suffix = `${inFlight}-${round}`;
        const comers = people.map((who) => ({ ...who, connectionId: `${who.connectionId.slice(6)}-${suffix}` }));
        const costs = await costsOf(sides[0], comers, inFlight);
        const plainCosts = await costsOf(sides[1], comers, inFlight);
        // The first round compiles and connects, and its users are new.
        if (round === 0) continue;
        ours.push(costs);
        theirs.push(plainCosts);
        const { coming, going } = costs;
        const spent = `${coming.redisUs.toFixed(1)} + ${going.redisUs.toFixed(1)} µs of Redis`;
        bench.progress(`${inFlight} in flight, round ${round}: ${spent}`);
      }
      reportChanges(bench, ours, theirs, inFlight);
      if (inFlight === 64) reportQuestions(bench, ours, theirs);
    }
    const transitions = 2 * 2 * people.length * (rounds + 1);
    const heard = sides[0].heard();
    if (heard !== transitions) throw new Error(`the follower heard ${heard} of ${transitions} transitions`);
    for (const side of sides) await side.close();
  },
};

interface Side {
  come(who: Identity): Promise<void>;
  /** Fails unless all of them are online. */
  ask(people: readonly Identity[]): Promise<void>;
  go(who: Identity): Promise<void>;
  readonly redis: Awaited<ReturnType<typeof startMeasuredRedis>>;
  /** Transitions that the follower heard of. */
  heard(): number;
  close(): Promise<void>;
}

async function openPresenceSide(): Promise<Side> {
  const redis = await startMeasuredRedis();
  const { store, close } = await openPresence(redis, { memoryMs: 1, logMaxEntries: 16_000 });
  const heard = follow(store);
  const sessions = new Map<string, SessionRef>();
  return {
    redis,
    async come(who) {
      sessions.set(who.userId, await registerOne(store, who));
    },
    async ask(people) {
      const views = await store.users(people.map(({ userId }) => userId));
      if (!views.every(({ online }) => online)) throw new Error("somebody is not online");
    },
    async go({ userId }) {
      const { kind } = await store.unregister({ ...(sessions.get(userId) as SessionRef), reason: "UNSPECIFIED" });
      if (kind !== "ended") throw new Error(`a session was ${kind} instead of ended`);
    },
    heard,
    async close() {
      await close();
      await redis.stop();
    },
  };
}

async function openPlainSide(): Promise<Side> {
  const redis = await startMeasuredRedis();
  const plain = new KeyPerSession(redis.client);
  let heard = 0;
  const follower = redis.client.duplicate();
  await follower.connect();
  await follower.subscribe(channel, () => {
    heard += 1;
  });
  return {
    redis,
    come: (who) => plain.register(who),
    async ask(people) {
      const online = await plain.onlineDevices(people);
      if (online !== people.length) throw new Error("somebody is not online");
    },
    go: (who) => plain.unregister(who),
    heard: () => heard,
    async close() {
      follower.destroy();
      await redis.stop();
    },
  };
}

/** @returns how many entries it has heard of so far */
function follow(store: RedisStore): () => number {
  let heard = 0;
  for (let shard = 0; shard < store.shardCount; shard++) {
    store.follow(shard, {
      entry() {
        heard += 1;
      },
      interrupted() {},
    });
  }
  return () => heard;
}

interface RoundCosts {
  readonly coming: Cost;
  readonly asking: Cost;
  readonly going: Cost;
  /** Times that Redis read from a connection to answer one question. */
  readonly readsToAsk: number;
}

async function costsOf(side: Side, people: readonly Identity[], inFlight: number): Promise<RoundCosts> {
  const { redis } = side;
  const everybody = (act: (who: Identity) => Promise<void>) =>
    costOf(redis, people.length, () =>
      closedLoopOf({ count: people.length, inFlight }, (index) => act(people[index] as Identity)),
    );
  const coming = await everybody(side.come);
  const readsBefore = await redis.reads();
  const asking = await costOf(redis, questions, async () => {
    for (let question = 0; question < questions; question++) {
      const start = (question * usersPerQuestion) % people.length;
      await side.ask(people.slice(start, start + usersPerQuestion));
    }
  });
  const reads = (await redis.reads()) - readsBefore - readsOfMeasuring;
  const going = await everybody(side.go);
  return { coming, asking, going, readsToAsk: reads / questions };
}

/** CPU time before and after, and the reads themselves. */
const readsOfMeasuring = 3;

function reportChanges(
  bench: Bench,
  ours: readonly RoundCosts[],
  theirs: readonly RoundCosts[],
  inFlight: number,
): void {
  const report = (name: string, baseline: string, of: (costs: RoundCosts) => number, atMost?: number) =>
    bench.report({
      name: `${name}, ${inFlight.toLocaleString("en")} in flight`,
      unit: "µs",
      samples: ours.map(of),
      baseline: { name: baseline, samples: theirs.map(of) },
      target: atMost === undefined ? undefined : { atMost },
    });
  const plain = "key per session";
  report("Redis CPU of Register", "MULTI SET SADD EXPIRE SCARD EXEC, PUBLISH", ({ coming }) => coming.redisUs);
  report("Redis CPU of Unregister", "MULTI DEL SREM SCARD EXEC, PUBLISH", ({ going }) => going.redisUs);
  report("Redis CPU of both on average", plain, ({ coming, going }) => (coming.redisUs + going.redisUs) / 2, 11);
  report(
    "node CPU of both on average, with a follower",
    plain,
    ({ coming, going }) => (coming.nodeUs + going.nodeUs) / 2,
  );
}

function reportQuestions(bench: Bench, ours: readonly RoundCosts[], theirs: readonly RoundCosts[]): void {
  const asked = `GetPresence of ${usersPerQuestion} users`;
  const baseline = "SMEMBERS each, MGET";
  const report = (what: string, unit: "µs" | "", of: (costs: RoundCosts) => number, atMost?: number) =>
    bench.report({
      name: `${what} of ${asked}`,
      unit,
      samples: ours.map(of),
      baseline: { name: baseline, samples: theirs.map(of) },
      target: atMost === undefined ? undefined : { atMost },
    });
  report("Redis CPU", "µs", ({ asking }) => asking.redisUs, 150);
  report("node CPU", "µs", ({ asking }) => asking.nodeUs);
  report("round trips", "", ({ readsToAsk }) => readsToAsk);
}
