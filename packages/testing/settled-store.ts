import { type RedisDoor, redisCommand } from "./redis-command.ts";

/**
 * Makes a shard of presence's store that is empty look as if it had been in use for long. Otherwise it begins anew with
 * its first tick, and while it recovers nobody goes offline. For tests that are not about that. KEYS[1]: the shard's meta.
 */
export const settleShard = `
local info, time = redis.call('INFO', 'server', 'replication'), redis.call('TIME')
redis.call('HSET', KEYS[1], 'clock', '0', 'ticked', time[1] * 1000, 'incarnation', 'settled',
  'run_id', string.match(info, '\\nrun_id:(%w+)'), 'replid', string.match(info, '\\nmaster_replid:(%w+)'))`;

/** @param url of a Redis that speaks plain TCP; database 0 */
export async function settleStore(url: string, shards: number): Promise<void> {
  for (let shard = 0; shard < shards; shard++) {
    const meta = `presence:{${String(shard).padStart(2, "0")}}:meta`;
    await redisCommand(doorOf(url), "EVAL", settleShard, "1", meta);
  }
}

/** @param url as above */
export async function isEmptyRedis(url: string): Promise<boolean> {
  return (await redisCommand(doorOf(url), "DBSIZE")) === 0;
}

function doorOf(url: string): RedisDoor {
  const { hostname, port, username, password } = new URL(url);
  return {
    host: hostname,
    port: Number(port),
    ...(username !== "" && { user: decodeURIComponent(username) }),
    ...(password !== "" && { password: decodeURIComponent(password) }),
  };
}
