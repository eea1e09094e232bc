import { type RedisServers, scanServers } from "@realchat/presence-redis";
import { recordPattern, shardIn } from "../keys.ts";
import type { RedisShard } from "../shard/redis-shard.ts";

/**
 * Finds the users of all shards of a server in one scan, for the server's keys are one space; of one server after the
 * other. Whoever has a record from the first step to the last, on a server that was never away, is found, some twice.
 */
export class RecordScan {
  readonly #servers: RedisServers;
  readonly #shards: readonly RedisShard[];
  readonly #keyPrefix: string;

  /** @param keyPrefix see shardKeys */
  constructor(servers: RedisServers, shards: readonly RedisShard[], keyPrefix: string) {
    this.#servers = servers;
    this.#shards = shards;
    this.#keyPrefix = keyPrefix;
  }

  /**
   * @param cursor of the step before; empty: from the beginning
   * @param includes whose users are looked for, by the number of the shard
   * @param count places looked at, 0.6 µs of Redis each; a third to three quarters of them have a key
   * @returns `cursor`: empty at the end
   */
  async step(
    cursor: string,
    includes: (shard: number) => boolean,
    count: number,
  ): Promise<{ cursor: string; users: ReadonlyMap<RedisShard, string[]> }> {
    const step = await scanServers(this.#servers, cursor, { match: recordPattern(this.#keyPrefix), count });
    return { cursor: step.cursor, users: this.#byShard(step.keys, includes) };
  }

  #byShard(keys: readonly string[], includes: (shard: number) => boolean): ReadonlyMap<RedisShard, string[]> {
    const users = new Map<RedisShard, string[]>();
    for (const key of keys) {
      const number = shardIn(key, this.#keyPrefix);
      const shard = this.#shards[number];
      if (shard === undefined || !includes(number)) continue;
      const { recordPrefix } = shard.state.keys;
      if (!key.startsWith(recordPrefix)) continue;
      const userId = key.slice(recordPrefix.length);
      const others = users.get(shard);
      if (others === undefined) users.set(shard, [userId]);
      else others.push(userId);
    }
    return users;
  }
}
