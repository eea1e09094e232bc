import type { RedisPlace } from "@realchat/presence-redis";
import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { defaultRules, type Rules } from "../../services/presence/domain/rules.ts";
import type { SessionRef } from "../../services/presence/domain/session.ts";
import { Ticker } from "../../services/presence/shards/ticker.ts";
import { createRedisStore, type RedisStore } from "../../services/presence/store/redis/redis-store.ts";
import { closedLoopOf } from "../load/closed-loop.ts";
import type { Identity } from "../load/identities.ts";

const shards = 16;
const loadInFlight = 256;

/** The store as a node runs it: with its ticks, which cost Redis a little all the time. */
interface PresenceOnRedis {
  readonly store: RedisStore;
  close(): Promise<void>;
}

/** @param options.ttlMs long enough that no session expires during the measurement: an hour by default */
export async function openPresence(
  { url, cluster }: Pick<RedisPlace, "url" | "cluster">,
  options: Partial<Rules> & { logMaxEntries?: number } = {},
): Promise<PresenceOnRedis> {
  const { logMaxEntries, ...rules } = { ttlMs: 3_600_000, ...options };
  const store = createRedisStore(
    { url, cluster, shards, rules: { ...defaultRules, ...rules }, retentionMs: 86_400_000, logMaxEntries },
    clock,
  );
  await store.open();
  const ticker = new Ticker({ store, shardCount: shards, ttlMs: rules.ttlMs, clock, onTick() {} });
  ticker.start();
  return {
    store,
    async close() {
      ticker.stop();
      await store.close();
    },
  };
}

/** Registers a session for each. @returns what their heartbeats name */
export async function registerAll(store: RedisStore, people: readonly Identity[]): Promise<SessionRef[]> {
  const sessions: SessionRef[] = new Array(people.length);
  await closedLoopOf({ count: people.length, inFlight: loadInFlight }, async (index) => {
    sessions[index] = await registerOne(store, people[index] as Identity);
  });
  return sessions;
}

export async function registerOne(store: RedisStore, who: Identity): Promise<SessionRef> {
  const { userId, deviceId } = who;
  const result = await store.register({ ...who, previousSessionId: "" });
  if (result.kind !== "registered") throw new Error(`a new session was ${result.kind}`);
  return { userId, deviceId, sessionId: result.sessionId };
}
