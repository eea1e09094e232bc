import { type RedisLink, replyBehind } from "@realchat/presence-redis";
import type { Clock } from "@realchat/presence-runtime";
import type { Tick } from "../../store.ts";
import type { StoreMark } from "../health/store-mark.ts";
import type { Troubles } from "../health/troubles.ts";
import { tick } from "../lua/tick/tick.ts";
import { type Unreadables, unreadableBehind } from "../records/unreadables.ts";
import type { Scripts } from "../scripts.ts";
import type { KeptHeartbeats, Load } from "./kept-heartbeats.ts";
import type { ShardState } from "./shard-state.ts";

export interface TickParts {
  readonly scripts: Scripts;
  readonly mark: StoreMark;
  /** Hears of a shard that belongs to another store than ours. */
  readonly onMark: (mark: StoreMark, link: RedisLink) => void;
  readonly troubles: Troubles;
  readonly unreadable: Unreadables;
  readonly clock: Clock;
}

/** Moves a shard's clock, and remembers how far it is. Carries the heartbeats that were not confirmed. */
export class ShardTicks {
  readonly #state: ShardState;
  readonly #kept: KeptHeartbeats;
  readonly #parts: TickParts;

  constructor(state: ShardState, kept: KeptHeartbeats, parts: TickParts) {
    this.#state = state;
    this.#kept = kept;
    this.#parts = parts;
  }

  /** See ShardKeeping. */
  async tick(limit: number): Promise<Tick> {
    const { keys, link, clock } = this.#state;
    const { scripts, mark } = this.#parts;
    const { meta, deadlines, log, live, recordPrefix } = keys;
    const sentAtMs = this.#parts.clock.monotonicMs();
    const load = this.#kept.load(sentAtMs);
    const isSent = link.isReady;
    const args = { limit, reckonedMs: clock.highestMs, recordPrefix, live, ...mark, advance: load.advance };
    const answer = scripts.run(link, tick, { meta, deadlines, log }, args, textOf(load));
    const {
      tick: result,
      failures,
      isAdvanced,
      missing,
    } = await answer.catch((error) => {
      if (isSent) this.#kept.tickFailed();
      return this.#failed(error);
    });
    this.#kept.ticked(load, missing, isAdvanced, this.#parts.clock.monotonicMs());
    this.#parts.troubles.tickWorked(this.#state.number);
    clock.ticked(result.clockMs, sentAtMs);
    this.#state.ticked(result);
    for (const { userId, reply } of failures) {
      const why = unreadableBehind(reply);
      if (why !== undefined) this.#parts.unreadable.record(this.#state, userId, why);
    }
    return result;
  }

  /** Where the shard's clock is now, ms; ticks it when that is not known. */
  async clockMs(): Promise<number> {
    return this.#state.clock.readMs(this.#parts.clock.monotonicMs()) ?? (await this.tick(0)).clockMs;
  }

  #failed(error: unknown): never {
    this.#parts.troubles.tickFailed(this.#state.number, error);
    const [, schema, shards] = /^MARK (\d+) (\d+)$/.exec(replyBehind(error)) ?? [];
    if (schema !== undefined) {
      this.#parts.onMark({ schema: Number(schema), shards: Number(shards) }, this.#state.link);
    }
    throw error;
  }
}

/** As the script takes them: when they came, and their member. */
function textOf({ heartbeats }: Load): string[] {
  return heartbeats.flatMap(({ member, reckonedMs }) => [reckonedMs === undefined ? "" : String(reckonedMs), member]);
}
