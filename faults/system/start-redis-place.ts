import { startClusterRedis, startSentinelRedis } from "./redis-group.ts";
import type { RedisKind, RedisPlace } from "./redis-place.ts";
import { SingleRedis } from "./single-redis.ts";

export function startRedisPlace(kind: RedisKind): Promise<RedisPlace> {
  if (kind === "sentinel") return startSentinelRedis();
  return kind === "cluster" ? startClusterRedis() : SingleRedis.start();
}
