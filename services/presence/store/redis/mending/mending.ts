import { type RedisServers, scanServers } from "@realchat/presence-redis";
import type { Mended } from "../../store.ts";
import type { RedisShard } from "../shard/redis-shard.ts";
import type { DeadlineWalk } from "./deadline-walk.ts";

/** Keys looked at by one step: 0.6 µs of Redis each for the scan, and 6 µs for each user of our shards. */
const scanCount = 500;
/** Users of one script call. Redis answers no other command meanwhile. */
const callMaxUsers = 100;
/** In front of the number of a shard and a cursor within its deadlines. */
const ofDeadlines = "deadlines:";

/**
 * Walks over the records of all shards of a server in one scan, for the server's keys are one space; then over the
 * deadlines of one shard after the other. What is away now is mended by the next walk.
 */
export class Mending {
  readonly #servers: RedisServers;
  readonly #deadlines: DeadlineWalk;
  readonly #shards: readonly RedisShard[];

  constructor(servers: RedisServers, deadlines: DeadlineWalk, shards: readonly RedisShard[]) {
    this.#servers = servers;
    this.#deadlines = deadlines;
    this.#shards = shards;
  }

  /** See RecordKeeping. */
  async step(cursor: string, held: ReadonlySet<number>): Promise<{ cursor: string } & Mended> {
    if (!cursor.startsWith(ofDeadlines)) return this.#recordsStep(cursor, held);
    const [number, within = ""] = cursor.slice(ofDeadlines.length).split(":");
    return this.#deadlinesStep(Number(number), within, held);
  }

  async #deadlinesStep(from: number, within: string, held: ReadonlySet<number>): Promise<{ cursor: string } & Mended> {
    const state = this.#shards
      .map((shard) => shard.state)
      .find(({ number, link }) => number >= from && held.has(number) && link.isReady);
    if (state === undefined) return { cursor: "", given: 0, dropped: 0, recounted: 0 };
    const { cursor, dropped, recounted } = await this.#deadlines.step(state, state.number === from ? within : "");
    const next = cursor === "" ? `${state.number + 1}:` : `${state.number}:${cursor}`;
    return { cursor: ofDeadlines + next, given: 0, dropped, recounted: recounted ? 1 : 0 };
  }

  async #recordsStep(cursor: string, held: ReadonlySet<number>): Promise<{ cursor: string } & Mended> {
    const step = await scanServers(this.#servers, cursor, { match: "presence:{*}:u:*", count: scanCount });
    let given = 0;
    for (const [shard, userIds] of this.#byShard(step.keys, held)) {
      for (let from = 0; from < userIds.length; from += callMaxUsers) {
        given += await shard.mend(userIds.slice(from, from + callMaxUsers));
      }
    }
    return { cursor: step.cursor || `${ofDeadlines}0:`, given, dropped: 0, recounted: 0 };
  }

  #byShard(keys: readonly string[], held: ReadonlySet<number>): ReadonlyMap<RedisShard, string[]> {
    const users = new Map<RedisShard, string[]>();
    for (const key of keys) {
      const number = Number(/^presence:\{(\d+)\}/.exec(key)?.[1]);
      const shard = this.#shards[number];
      if (shard === undefined || !held.has(number)) continue;
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
