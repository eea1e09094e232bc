import { replyBehind } from "@realchat/presence-redis";
import type { Clock } from "@realchat/presence-runtime";
import type { Tick } from "../store.ts";
import { tick } from "./lua/tick.ts";
import type { Scripts } from "./scripts.ts";
import type { Shard } from "./shard.ts";
import type { StoreMark } from "./store-mark.ts";
import type { Troubles } from "./troubles.ts";
import { type Unreadables, unreadableBehind } from "./unreadables.ts";

/** Moves the shards' clocks, and remembers how far they are. */
export class Ticks {
  readonly #scripts: Scripts;
  readonly #mark: StoreMark;
  readonly #onMark: (mark: StoreMark) => void;
  readonly #troubles: Troubles;
  readonly #unreadable: Unreadables;
  readonly #clock: Clock;

  constructor(parts: {
    scripts: Scripts;
    mark: StoreMark;
    /** Hears of a shard that belongs to another store than ours. */
    onMark: (mark: StoreMark) => void;
    troubles: Troubles;
    unreadable: Unreadables;
    clock: Clock;
  }) {
    this.#scripts = parts.scripts;
    this.#mark = parts.mark;
    this.#onMark = parts.onMark;
    this.#troubles = parts.troubles;
    this.#unreadable = parts.unreadable;
    this.#clock = parts.clock;
  }

  async tick(shard: Shard, limit: number): Promise<Tick> {
    const { meta, deadlines, log, live, recordPrefix } = shard.keys;
    const sentAtMs = this.#clock.monotonicMs();
    const args = { limit, reckonedMs: shard.clock.highestMs, recordPrefix, ...this.#mark };
    const answer = this.#scripts.run(tick, { meta, deadlines, log, live }, args);
    const { tick: result, failures } = await answer.catch((error) => this.#failed(shard, error));
    this.#troubles.tickWorked(shard.number);
    shard.clock.ticked(result.clockMs, sentAtMs);
    shard.saw(result.lastVersion);
    for (const { userId, reply } of failures) {
      const why = unreadableBehind(reply);
      if (why !== undefined) this.#unreadable.record(shard, userId, why);
    }
    return result;
  }

  #failed(shard: Shard, error: unknown): never {
    this.#troubles.tickFailed(shard.number, error);
    const [, schema, shards] = /^MARK (\d+) (\d+)$/.exec(replyBehind(error)) ?? [];
    if (schema !== undefined) this.#onMark({ schema: Number(schema), shards: Number(shards) });
    throw error;
  }

  /** Where the shard's clock is now, ms; ticks it when that is not known. */
  async clockMs(shard: Shard): Promise<number> {
    return shard.clock.readMs(this.#clock.monotonicMs()) ?? (await this.tick(shard, 0)).clockMs;
  }
}
