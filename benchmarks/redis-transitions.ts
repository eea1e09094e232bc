import type { SessionRef } from "../services/presence/domain/session.ts";
import type { RedisStore } from "../services/presence/store/redis/redis-store.ts";
import type { Benchmark } from "./benchmark.ts";
import { closedLoopOf } from "./load/closed-loop.ts";
import { type Identity, identities } from "./load/identities.ts";
import { type Cost, costOf } from "./redis/cpu-of.ts";
import { channel, KeyPerSession } from "./redis/key-per-session.ts";
import { startMeasuredRedis } from "./redis/measured-redis.ts";
import { openPresence, registerOne } from "./redis/presence-on-redis.ts";

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
    const people = identities(bench.quick ? 5_000 : 20_000);
    const rounds = bench.quick ? 2 : 7;
    const redis = await startMeasuredRedis();
    const { store, close } = await openPresence(redis.url, { memoryMs: 1, logMaxEntries: 16_000 });
    let heard = 0;
    for (let shard = 0; shard < store.shardCount; shard++) {
      store.follow(shard, {
        entry() {
          heard += 1;
        },
        interrupted() {},
      });
    }
    const plainRedis = await startMeasuredRedis();
    const plain = new KeyPerSession(plainRedis.client);
    const follower = plainRedis.client.duplicate();
    await follower.connect();
    await follower.subscribe(channel, () => {});

    const costs = { coming: [] as Cost[], going: [] as Cost[], asking: [] as Cost[] };
    const plainCosts = { coming: [] as Cost[], going: [] as Cost[], asking: [] as Cost[] };
    const reads: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const sessions: SessionRef[] = new Array(people.length);
      const asks = pagesOf(people);
      const coming = await costOf(redis, people.length, () =>
        many(people, async (who, index) => {
          sessions[index] = await registerOne(store, { ...who, connectionId: `${who.connectionId.slice(2)}${round}-` });
        }),
      );
      const readsBefore = await redis.reads();
      const asking = await costOf(redis, asks.length, () => askAll(store, asks));
      const readsPerAsk = ((await redis.reads()) - readsBefore - ownReads) / asks.length;
      const going = await costOf(redis, people.length, () => many(sessions, (session) => endOne(store, session)));

      const plainComing = await costOf(plainRedis, people.length, () => many(people, (who) => plain.register(who)));
      const plainAsking = await costOf(plainRedis, asks.length, async () => {
        for (const page of asks) {
          const online = await plain.onlineDevices(page);
          if (online !== page.length) throw new Error(`${online} of ${page.length} users have a device online`);
        }
      });
      const plainGoing = await costOf(plainRedis, people.length, () => many(people, (who) => plain.unregister(who)));
      if (round === 0) continue;
      costs.coming.push(coming);
      costs.going.push(going);
      costs.asking.push(asking);
      reads.push(readsPerAsk);
      plainCosts.coming.push(plainComing);
      plainCosts.going.push(plainGoing);
      plainCosts.asking.push(plainAsking);
      bench.progress(
        `round ${round} of ${rounds}: ${coming.redisUs.toFixed(1)} + ${going.redisUs.toFixed(1)} µs of Redis`,
      );
    }
    if (heard !== 2 * people.length * (rounds + 1)) throw new Error(`the follower heard ${heard} transitions`);

    const report = (what: "coming" | "going", name: string, part: "redisUs" | "nodeUs", baseline: string) =>
      bench.report({
        name,
        unit: "µs",
        samples: costs[what].map((cost) => cost[part]),
        baseline: { name: baseline, samples: plainCosts[what].map((cost) => cost[part]) },
      });
    const both = (of: typeof costs, part: "redisUs" | "nodeUs") =>
      of.coming.map((cost, round) => (cost[part] + (of.going[round] as Cost)[part]) / 2);
    report("coming", "Redis CPU of Register", "redisUs", "MULTI SET SADD EXPIRE SCARD EXEC, PUBLISH");
    report("going", "Redis CPU of Unregister", "redisUs", "MULTI DEL SREM SCARD EXEC, PUBLISH");
    bench.report({
      name: "Redis CPU of Register and Unregister, on average",
      unit: "µs",
      samples: both(costs, "redisUs"),
      baseline: { name: "key per session", samples: both(plainCosts, "redisUs") },
      target: { atMost: 11 },
    });
    bench.report({
      name: "node CPU of Register and Unregister, on average, follower included",
      unit: "µs",
      samples: both(costs, "nodeUs"),
      baseline: { name: "key per session", samples: both(plainCosts, "nodeUs") },
    });
    bench.report({
      name: "Redis CPU of GetPresence of 100 users",
      unit: "µs",
      samples: costs.asking.map(({ redisUs }) => redisUs),
      baseline: { name: "SMEMBERS each, MGET", samples: plainCosts.asking.map(({ redisUs }) => redisUs) },
      target: { atMost: 150 },
    });
    bench.report({
      name: "node CPU of GetPresence of 100 users",
      unit: "µs",
      samples: costs.asking.map(({ nodeUs }) => nodeUs),
      baseline: { name: "SMEMBERS each, MGET", samples: plainCosts.asking.map(({ nodeUs }) => nodeUs) },
    });
    bench.report({
      name: "round trips of GetPresence of 100 users (times that Redis read from a connection)",
      unit: "",
      samples: reads,
    });
    follower.destroy();
    await close();
    await Promise.all([redis.stop(), plainRedis.stop()]);
  },
};

/** The questions that enclose a measurement. */
const ownReads = 3;

function many<Item>(items: readonly Item[], act: (item: Item, index: number) => Promise<unknown>): Promise<void> {
  return closedLoopOf({ count: items.length, inFlight: 64 }, (index) => act(items[index] as Item, index));
}

async function endOne(store: RedisStore, session: SessionRef): Promise<void> {
  const { kind } = await store.unregister({ ...session, reason: "UNSPECIFIED" });
  if (kind !== "ended") throw new Error(`a session was ${kind} instead of ended`);
}

/** A hundred users a question, 200 questions. */
function pagesOf(people: readonly Identity[]): (readonly Identity[])[] {
  const pages = people.length / 100;
  return Array.from({ length: 200 }, (_, index) => {
    const start = (index % pages) * 100;
    return people.slice(start, start + 100);
  });
}

async function askAll(store: RedisStore, pages: readonly (readonly Identity[])[]): Promise<void> {
  for (const page of pages) {
    const views = await store.users(page.map(({ userId }) => userId));
    if (!views.every(({ online }) => online)) throw new Error("somebody is not online");
  }
}
