import { integer, list, type RedisConnection, type Reply, replyBehind, text } from "@realchat/presence-redis";
import type { Transition } from "../../domain/transition.ts";
import { streamIdOf, versionOf } from "../../domain/version.ts";
import { decodeEntry } from "./log-entry.ts";
import type { Shard } from "./shard.ts";

/** Reads the shards' logs. */
export class LogReader {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  async lastVersion(shard: Shard): Promise<number> {
    return (await this.#state(shard)).lastVersion;
  }

  /** See TransitionLog. */
  async read(shard: Shard, after: number, limit: number): Promise<{ entries: Transition[]; gap: boolean }> {
    const first = await this.#entriesFrom(shard, after, limit + 1);
    if (first[0]?.version === after) return { entries: first.slice(1), gap: false };
    // The entry of the position is gone, which is no gap as long as none was dropped after it. Asked in this order, an
    // entry that comes in between may make it look like a gap, but no gap goes unnoticed.
    const [entries, log] = await Promise.all([this.#entriesFrom(shard, after, limit), this.#state(shard)]);
    const isWhole = after === 0 ? log.dropped === 0 : log.lastVersion === after;
    return { entries, gap: !isWhole };
  }

  async #entriesFrom(shard: Shard, version: number, limit: number): Promise<Transition[]> {
    const command = ["XRANGE", shard.keys.log, streamIdOf(version), "+", "COUNT", String(limit)];
    return list(await this.#connection.send(command)).map((entry) => decodeStreamEntry(entry, shard.number));
  }

  /** `dropped`: entries that were trimmed so far. */
  async #state(shard: Shard): Promise<{ lastVersion: number; dropped: number }> {
    let info: readonly Reply[];
    try {
      info = list(await this.#connection.send(["XINFO", "STREAM", shard.keys.log]));
    } catch (error) {
      if (replyBehind(error).includes("no such key")) return { lastVersion: 0, dropped: 0 };
      throw error;
    }
    const read = (field: string) => info[info.indexOf(field) + 1];
    const lastVersion = versionOf(text(read("last-generated-id")));
    shard.saw(lastVersion);
    return { lastVersion, dropped: integer(read("entries-added")) - integer(read("length")) };
  }
}

/** An entry as XRANGE replies it: its id, and its one field `e` with the value. */
function decodeStreamEntry(entry: Reply, shard: number): Transition {
  const [id, fields] = list(entry);
  return decodeEntry(text(list(fields)[1]), versionOf(text(id)), shard);
}
