import { list, type RedisConnection, text } from "@realchat/presence-redis";
import type { Clock } from "@realchat/presence-runtime";
import type { UserView } from "../store.ts";
import type { Shard } from "./shard.ts";
import { decodeUser, strangerAt } from "./user-record.ts";

/** Users asked for in one round trip. */
const roundTripMaxUsers = 1_000;
/** Keys looked at by one SCAN: about 0.1 ms of Redis. */
const scanCount = 1_000;

/** Reads users' records. */
export class UserReader {
  readonly #connection: RedisConnection;
  readonly #clock: Clock;
  readonly #shardOf: (userId: string) => Shard;

  constructor(connection: RedisConnection, shardOf: (userId: string) => Shard, clock: Clock) {
    this.#connection = connection;
    this.#shardOf = shardOf;
    this.#clock = clock;
  }

  /** @returns one view per id, in the order asked */
  async read(userIds: readonly string[]): Promise<UserView[]> {
    const views: UserView[] = [];
    for (let start = 0; start < userIds.length; start += roundTripMaxUsers) {
      views.push(...(await this.#readOnce(userIds.slice(start, start + roundTripMaxUsers))));
    }
    return views;
  }

  /**
   * Looks through the records rather than the deadlines: a record stays where it is while its user reconnects, a
   * deadline gets another member, and SCAN promises to find only what was there all the time.
   */
  async *scanOnline(shard: Shard): AsyncIterable<UserView[]> {
    const { recordPrefix } = shard.keys;
    const options = ["MATCH", `${recordPrefix}*`, "COUNT", String(scanCount)];
    let cursor = "0";
    do {
      const [next, keys] = list(await this.#connection.send(["SCAN", cursor, ...options]));
      cursor = text(next);
      const userIds = list(keys).map((key) => text(key).slice(recordPrefix.length));
      const online = (await this.#readShard(shard, userIds)).filter((view) => view.online);
      if (online.length > 0) yield online;
    } while (cursor !== "0");
  }

  /** One MGET per shard, all in one round trip. */
  async #readOnce(userIds: readonly string[]): Promise<UserView[]> {
    const places = Map.groupBy(userIds.keys(), (place) => this.#shardOf(userIds[place] as string));
    const views = new Array<UserView>(userIds.length);
    const readInto = async (shard: Shard, inShard: readonly number[]) => {
      const ids = inShard.map((place) => userIds[place] as string);
      const found = await this.#readShard(shard, ids);
      for (const [index, place] of inShard.entries()) views[place] = found[index] as UserView;
    };
    await Promise.all([...places].map(([shard, inShard]) => readInto(shard, inShard)));
    return views;
  }

  async #readShard(shard: Shard, userIds: readonly string[]): Promise<UserView[]> {
    if (userIds.length === 0) return [];
    const knownVersion = shard.lastVersion;
    const keys = userIds.map((userId) => shard.keys.recordPrefix + userId);
    const records = list(await this.#connection.send(["MGET", ...keys]));
    const nowMs = Math.floor(this.#clock.nowUs() / 1000);
    return userIds.map((userId, index) => {
      const record = records[index];
      if (typeof record !== "string") return strangerAt(userId, shard.number, knownVersion);
      const view = decodeUser(userId, shard.number, record, nowMs);
      shard.saw(view.version);
      return view;
    });
  }
}
