import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { startKafka, startPresence, waitUntil } from "@realchat/presence-testing";
import { EventCollector } from "../services/presence/testing/event-collector.ts";
import { connectPresence } from "../services/presence/testing/presence-client.ts";
import type { Benchmark } from "./benchmark.ts";
import { type Identity, identities } from "./load/identities.ts";
import { openLoop } from "./load/open-loop.ts";
import { KeyPerSession } from "./redis/key-per-session.ts";
import { startMeasuredRedis } from "./redis/measured-redis.ts";
import { openPresence, registerAll } from "./redis/presence-on-redis.ts";
import { percentile, spreadOf } from "./report/figure.ts";

const ttlMs = 3_000;

/**
 * Users whose heartbeats stop, among many who live on: how long after TTL do others hear of it? Counted from when the
 * last heartbeat was due to be sent. The baseline is what Redis itself offers, keyspace notifications: it tells of a
 * key when it happens to look at it.
 */
export const expiry: Benchmark = {
  name: "expiry",
  about: "from the last heartbeat to UserOffline in Kafka",
  limitSeconds: 240,
  async run(bench) {
    const silent = bench.quick ? 500 : 1_500;
    const living = bench.quick ? 10_000 : 200_000;
    const rounds = bench.quick ? 1 : 4;
    bench.progress(`starting Redis with ${living.toLocaleString("en")} sessions that live on, Kafka and presence`);
    const [redis, kafka] = await Promise.all([startMeasuredRedis(), startKafka()]);
    const { store, close } = await openPresence(redis, { logMaxEntries: 16_000 });
    await registerAll(store, identities(living));
    await close();
    const node = await startPresence({
      env: { REDIS_URL: redis.url, KAFKA_BROKERS: kafka.brokers, SESSION_TTL: `${ttlMs}ms`, LOG_LEVEL: "warn" },
    });
    const collector = await EventCollector.start(kafka.brokers, "presence.events.v1");

    const plainRedis = await startMeasuredRedis(["--notify-keyspace-events", "Ex"]);
    await new KeyPerSession(plainRedis.client).load(identities(living));
    const expired = new Map<string, number>();
    const subscriber = plainRedis.client.duplicate();
    await subscriber.connect();
    await subscriber.subscribe("__keyevent@0__:expired", (key) => expired.set(key, clock.monotonicMs()));

    // A node that has just started compiles what it runs, and may keep its first callers waiting for longer than a TTL.
    await silence(node.grpcAddress, collector, identities(200));
    const ours: number[][] = [];
    const theirs: number[][] = [];
    for (let round = 1; round <= rounds; round++) {
      ours.push(await silence(node.grpcAddress, collector, identities(silent)));
      theirs.push(await silencePlainly(plainRedis.client, expired, identities(silent)));
      bench.progress(
        `round ${round} of ${rounds}: at worst ${Math.round(spreadOf(ours.at(-1) as number[]).max)} ms late`,
      );
    }
    const baseline = (of: (lateMs: number[]) => number) => ({
      name: "keyspace notification",
      samples: theirs.map(of),
    });
    bench.report({
      name: "UserOffline in Kafka after last heartbeat + TTL, p50",
      unit: "ms",
      samples: ours.map((lateMs) => percentile(lateMs, 0.5)),
      baseline: baseline((lateMs) => percentile(lateMs, 0.5)),
    });
    bench.report({
      name: "UserOffline in Kafka after last heartbeat + TTL, worst",
      unit: "ms",
      samples: ours.map((lateMs) => spreadOf(lateMs).max),
      baseline: baseline((lateMs) => spreadOf(lateMs).max),
      target: { atMost: 1_000 },
    });
    bench.report({
      name: "UserOffline in Kafka after last heartbeat + TTL, earliest",
      unit: "ms",
      samples: ours.map((lateMs) => spreadOf(lateMs).min),
      target: { atLeast: 0 },
    });
    await collector.close();
    await node.stop();
    subscriber.destroy();
    await Promise.all([redis.stop(), plainRedis.stop(), kafka.stop()]);
  },
};

/** Registers, sends two heartbeats each, and falls silent. @returns how late each UserOffline was, ms */
async function silence(address: string, collector: EventCollector, people: readonly Identity[]): Promise<number[]> {
  const { api, close } = connectPresence(address);
  const sessionIds: string[] = [];
  const lastMs = new Map<string, number>();
  /** Everybody once, in the same order, in a second. */
  const all = async (call: (who: Identity, index: number) => Promise<unknown>) => {
    const calls: Promise<unknown>[] = [];
    await openLoop({ perSecond: people.length, count: people.length }, (index, dueMs) => {
      const who = people[index] as Identity;
      lastMs.set(who.userId, dueMs);
      calls.push(call(who, index));
    });
    await Promise.all(calls);
  };
  await all(async (who, index) => {
    sessionIds[index] = (await api.registerSession(who)).sessionId;
  });
  const heartbeat = ({ userId, deviceId }: Identity, index: number) =>
    api.refreshSession({ userId, deviceId, sessionId: sessionIds[index] as string });
  await all(heartbeat);
  await all(heartbeat);
  const gone = () => collector.events.filter(({ userId, online }) => !online && lastMs.has(userId));
  await waitUntil(() => gone().length >= people.length, { what: "all have gone", deadlineMs: 30_000 });
  close();
  const lateMs = gone().map(({ userId, arrivedMs }) => arrivedMs - (lastMs.get(userId) as number) - ttlMs);
  collector.events.length = 0;
  return lateMs;
}

/** Later than this is not waited for; it counts as this. */
const patienceMs = 20_000;

async function silencePlainly(
  client: Awaited<ReturnType<typeof startMeasuredRedis>>["client"],
  expired: ReadonlyMap<string, number>,
  people: readonly Identity[],
): Promise<number[]> {
  const lastMs = new Map<string, number>();
  const sets: Promise<unknown>[] = [];
  await openLoop({ perSecond: people.length, count: people.length }, (index, dueMs) => {
    const key = `silent:${(people[index] as Identity).userId}`;
    lastMs.set(key, dueMs);
    sets.push(client.set(key, "gateway-1", { expiration: { type: "PX", value: ttlMs } }));
  });
  await Promise.all(sets);
  await pause(clock, ttlMs + patienceMs);
  return [...lastMs].map(([key, sentMs]) =>
    Math.min(patienceMs, (expired.get(key) ?? Number.POSITIVE_INFINITY) - sentMs - ttlMs),
  );
}
