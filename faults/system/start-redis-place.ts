import type { FalseClock } from "../time/false-clock.ts";
import { startClusterRedis, startSentinelRedis } from "./redis-group.ts";
import type { RedisKind, RedisPlace } from "./redis-place.ts";
import { SingleRedis } from "./single-redis.ts";

/** @param clock of a single Redis */
export function startRedisPlace(kind: RedisKind, clock: FalseClock | undefined): Promise<RedisPlace> {
  if (kind === "sentinel") return startSentinelRedis();
  return kind === "cluster" ? startClusterRedis() : SingleRedis.start(clock);
}
