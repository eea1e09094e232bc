import type { Clock } from "@realchat/presence-runtime";
import { systemClock } from "@realchat/presence-runtime/clock";
import { type TestRedis, waitUntil } from "@realchat/presence-testing";
import { defaultRules } from "../../../domain/rules.ts";
import type { SessionRef } from "../../../domain/session.ts";
import type { RefreshResult, RegisterResult, Registration } from "../../store.ts";
import { createRedisStore, type RedisStore, type RedisStoreOptions } from "../redis-store.ts";

/** A store on that Redis with two shards, not opened yet. */
export function storeOn(
  redis: Pick<TestRedis, "url">,
  options: Partial<RedisStoreOptions> = {},
  clock: Clock = systemClock,
): RedisStore {
  return createRedisStore(
    { url: redis.url, shards: 2, rules: defaultRules, retentionMs: 3_600_000, commandTimeoutMs: 1_000, ...options },
    clock,
  );
}

export function untilReady(store: RedisStore): Promise<unknown> {
  return waitUntil(() => store.health().ready, { what: "the store is ready" });
}

export function untilNotReady(store: RedisStore): Promise<unknown> {
  return waitUntil(() => !store.health().ready, { what: "the store is not ready" });
}

/** What it does not name is Anna's phone on gateway-1. */
export function register(store: RedisStore, registration: Partial<Registration> = {}): Promise<RegisterResult> {
  return store.register({
    userId: "anna",
    deviceId: "phone",
    instanceId: "gateway-1",
    connectionId: "",
    previousSessionId: "",
    ...registration,
  });
}

/** As `register`, for heartbeats. */
export function refresh(store: RedisStore, session: Partial<SessionRef> = {}): Promise<RefreshResult> {
  return new Promise((resolve) => {
    store.refresh({ userId: "anna", deviceId: "phone", sessionId: "", ...session }, resolve, 0);
  });
}
