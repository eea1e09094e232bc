import { list, type RedisConnection, text } from "@realchat/presence-redis";
import { mend } from "./lua/mend.ts";
import type { Scripts } from "./scripts.ts";
import type { Shard } from "./shard.ts";

/** Keys looked at by one step: 0.6 µs of Redis each for the scan, and 6 µs for each user of our shards. */
const scanCount = 500;
/** Users of one script call, which nobody else is answered during. */
const callMaxUsers = 100;
const start = "0";

/** Walks over the records of all shards in one scan: the server's keys are one space. */
export class Mending {
  readonly #connection: RedisConnection;
  readonly #scripts: Scripts;
  readonly #shards: readonly Shard[];

  constructor(connection: RedisConnection, scripts: Scripts, shards: readonly Shard[]) {
    this.#connection = connection;
    this.#scripts = scripts;
    this.#shards = shards;
  }

  /** See RecordKeeping. */
  async step(cursor: string, held: ReadonlySet<number>): Promise<{ cursor: string; mended: number }> {
    const command = ["SCAN", cursor || start, "MATCH", "presence:{*}:u:*", "COUNT", String(scanCount)];
    const [next, keys] = list(await this.#connection.send(command));
    let mended = 0;
    for (const [shard, userIds] of this.#byShard(list(keys).map(text), held)) {
      for (let from = 0; from < userIds.length; from += callMaxUsers) {
        mended += await this.#mend(shard, userIds.slice(from, from + callMaxUsers));
      }
    }
    return { cursor: next === start ? "" : text(next), mended };
  }

  #mend({ keys: { deadlines, meta, recordPrefix } }: Shard, userIds: readonly string[]): Promise<number> {
    return this.#scripts.run(mend, { deadlines, meta }, { recordPrefix }, userIds);
  }

  #byShard(keys: readonly string[], held: ReadonlySet<number>): ReadonlyMap<Shard, string[]> {
    const users = new Map<Shard, string[]>();
    for (const key of keys) {
      const shard = this.#shards[Number(/^presence:\{(\d+)\}/.exec(key)?.[1])];
      if (shard === undefined || !held.has(shard.number) || !key.startsWith(shard.keys.recordPrefix)) continue;
      const userId = key.slice(shard.keys.recordPrefix.length);
      const others = users.get(shard);
      if (others === undefined) users.set(shard, [userId]);
      else others.push(userId);
    }
    return users;
  }
}
