import { startKafka, startPresence, type TestPresence } from "@realchat/presence-testing";
import type { SessionRef } from "../../services/presence/domain/session.ts";
import type { RedisStore } from "../../services/presence/store/redis/redis-store.ts";
import { type Identity, identities } from "../load/identities.ts";
import { type MeasuredRedis, startMeasuredRedis } from "../redis/measured-redis.ts";
import { openPresence, registerAll } from "../redis/presence-on-redis.ts";

export const topic = "presence.events.v1";
export const partitions = 4;
/** Gateways' heartbeats, as the contract advises for a TTL of a minute. */
export const periodMs = 20_000;

/** A node of presence that serves so many sessions, which had registered before. */
export interface Site {
  readonly redis: MeasuredRedis;
  readonly brokers: string;
  readonly node: TestPresence;
  /** Of a node that publishes nothing: through it sessions came, and gateways send heartbeats. */
  readonly store: RedisStore;
  readonly people: readonly Identity[];
  readonly sessions: readonly SessionRef[];
  stop(): Promise<void>;
}

/** @param options.isPublished whether consumers know the sessions already: then Kafka does not get them */
export async function startSite(options: { sessions: number; ttlMs: number; isPublished: boolean }): Promise<Site> {
  const [redis, kafka] = await Promise.all([startMeasuredRedis(), startKafka()]);
  const people = identities(options.sessions);
  // To register a million takes longer than a TTL that is good for a measurement: then deadlines are an hour off.
  const rules = options.isPublished ? {} : { ttlMs: options.ttlMs };
  const { store, close } = await openPresence(redis, { ...rules, logMaxEntries: 2 * options.sessions });
  const sessions = await registerAll(store, people);
  if (options.isPublished) await passOverLogs(store);
  const node = await startPresence({
    env: {
      REDIS_URL: redis.url,
      KAFKA_BROKERS: kafka.brokers,
      KAFKA_TOPIC: topic,
      KAFKA_PARTITIONS: String(partitions),
      SESSION_TTL: `${options.ttlMs}ms`,
      LOG_LEVEL: "warn",
    },
  });
  return {
    redis,
    brokers: kafka.brokers,
    node,
    store,
    people,
    sessions,
    async stop() {
      await close();
      await node.stop();
      await Promise.all([redis.stop(), kafka.stop()]);
    },
  };
}

/** As if all had been published. */
async function passOverLogs(store: RedisStore): Promise<void> {
  for (let shard = 0; shard < store.shardCount; shard++) {
    const lease = await store.claim(shard, "benchmark", 60_000);
    if (lease === undefined) throw new Error(`shard ${shard} has another publisher`);
    await store.advance(shard, lease.fence, { kafka: await store.lastVersion(shard) });
    await store.release(shard, "benchmark");
  }
}
