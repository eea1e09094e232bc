import { integer, list, type Reply, replyBehind, text } from "@realchat/presence-redis";
import type { LogEntry } from "../../../domain/log-entry.ts";
import { streamIdOf, versionOf } from "../../../domain/version.ts";
import type { Unreadables } from "../records/unreadables.ts";
import type { ShardState } from "../shard/shard-state.ts";
import { decodeEntry, traced } from "./log-entry.ts";

/** Reads the shards' logs. */
export class LogReader {
  readonly #unreadable: Unreadables;

  constructor(unreadable: Unreadables) {
    this.#unreadable = unreadable;
  }

  async lastVersion(shard: ShardState): Promise<number> {
    return (await this.#state(shard)).lastVersion;
  }

  /** See TransitionLog. */
  async read(shard: ShardState, after: number, limit: number): Promise<{ entries: LogEntry[]; gap: boolean }> {
    const first = await this.#entriesFrom(shard, after, limit + 1);
    if (first[0]?.version === after) return { entries: first.slice(1), gap: false };
    // The entry of the position is gone, which is no gap as long as none was dropped after it. Asked in this order, an
    // entry that comes in between may make it look like a gap, but no gap goes unnoticed.
    const [entries, log] = await Promise.all([this.#entriesFrom(shard, after, limit), this.#state(shard)]);
    const isWhole = after === 0 ? log.dropped === 0 : log.lastVersion === after;
    return { entries, gap: !isWhole };
  }

  /** As many as there are up to the limit, whatever else stands between them. */
  async #entriesFrom(shard: ShardState, version: number, limit: number): Promise<LogEntry[]> {
    const entries: LogEntry[] = [];
    let from = streamIdOf(version);
    for (;;) {
      const count = limit - entries.length;
      const page = list(await shard.link.send(["XRANGE", shard.keys.log, from, "+", "COUNT", String(count)]));
      let last = "";
      for (const found of page) {
        const [id, fields] = list(found);
        last = text(id);
        const entry = decodeStreamEntry(last, list(fields), shard.number);
        if (entry !== undefined) entries.push(entry);
        else this.#unreadable.entry({ key: shard.keys.log, id: `entry ${last}`, why: "is no transition" });
      }
      if (page.length < count || entries.length === limit) return entries;
      from = `(${last}`;
    }
  }

  /** `dropped`: entries that were trimmed so far. */
  async #state(shard: ShardState): Promise<{ lastVersion: number; dropped: number }> {
    let info: readonly Reply[];
    try {
      info = list(await shard.link.send(["XINFO", "STREAM", shard.keys.log]));
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

/** An id that stands for a version: see streamIdOf. */
const versionId = /^(\d{1,13})-(\d{1,3})$/;

/**
 * @param fields `e`, and of what is traced `t`
 * @returns undefined for what no script of ours appended
 */
function decodeStreamEntry(id: string, fields: readonly Reply[], shard: number): LogEntry | undefined {
  const [name, packed, further, traceparent] = fields;
  const [, ms, us] = versionId.exec(id) ?? [];
  if (name !== "e" || typeof packed !== "string" || ms === undefined) return undefined;
  const entry = decodeEntry(packed, Number(ms) * 1000 + Number(us), shard);
  return further === "t" && typeof traceparent === "string" ? traced(entry, traceparent) : entry;
}
