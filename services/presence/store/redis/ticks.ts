import type { Clock } from "@realchat/presence-runtime";
import type { Tick } from "../store.ts";
import { tick } from "./lua/tick.ts";
import type { Scripts } from "./scripts.ts";
import type { Shard } from "./shard.ts";
import { type Unreadables, unreadableBehind } from "./unreadables.ts";

/** Moves the shards' clocks, and remembers how far they are. */
export class Ticks {
  readonly #scripts: Scripts;
  readonly #unreadable: Unreadables;
  readonly #clock: Clock;

  constructor(scripts: Scripts, unreadable: Unreadables, clock: Clock) {
    this.#scripts = scripts;
    this.#unreadable = unreadable;
    this.#clock = clock;
  }

  async tick(shard: Shard, limit: number): Promise<Tick> {
    const { meta, deadlines, log, live, recordPrefix } = shard.keys;
    const sentAtMs = this.#clock.monotonicMs();
    const args = { limit, reckonedMs: shard.clock.highestMs, recordPrefix };
    const { tick: result, failures } = await this.#scripts.run(tick, { meta, deadlines, log, live }, args);
    shard.clock.ticked(result.clockMs, sentAtMs);
    shard.saw(result.lastVersion);
    for (const { userId, reply } of failures) {
      const why = unreadableBehind(reply);
      if (why !== undefined) this.#unreadable.record(shard, userId, why);
    }
    return result;
  }

  /** Where the shard's clock is now, ms; ticks it when that is not known. */
  async clockMs(shard: Shard): Promise<number> {
    return shard.clock.readMs(this.#clock.monotonicMs()) ?? (await this.tick(shard, 0)).clockMs;
  }
}
