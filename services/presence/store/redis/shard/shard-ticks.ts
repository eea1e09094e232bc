import { codeBehind, type RedisLink, replyBehind } from "@realchat/presence-redis";
import type { Clock } from "@realchat/presence-runtime";
import { countsUntil } from "../../../domain/late-change.ts";
import type { Begun, Tick } from "../../store.ts";
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
  /** Hears that a shard began anew by a tick of this node. */
  readonly onBegin: (begun: Begun) => void;
  readonly clock: Clock;
  /** See RedisStoreOptions. */
  readonly commandTimeoutMs: number;
}

/** When a script is too late, as it takes that: see domain/late-change.ts. */
interface Until {
  readonly untilUs: number;
  readonly untilMs: number;
}

/** Moves a shard's clock, and remembers how far it is. Carries the heartbeats that were not confirmed. */
export class ShardTicks {
  readonly #state: ShardState;
  readonly #kept: KeptHeartbeats;
  readonly #parts: TickParts;
  /** Incarnation of the shard, should it begin anew by the next tick. */
  #fresh: string;

  constructor(state: ShardState, kept: KeptHeartbeats, parts: TickParts) {
    this.#state = state;
    this.#kept = kept;
    this.#parts = parts;
    this.#fresh = randomId(parts.clock);
  }

  /**
   * See ShardKeeping.
   * @param via a connection that is not in use yet
   */
  async tick(limit: number, via: Pick<RedisLink, "send"> = this.#state.link): Promise<Tick> {
    const { number, keys, clock, time, witness } = this.#state;
    const { scripts, mark } = this.#parts;
    const { meta, deadlines, log, publisher, live, recordPrefix } = keys;
    const sentAtMs = this.#parts.clock.monotonicMs();
    const load = this.#kept.load(sentAtMs);
    const { link } = this.#state;
    const isSent = via !== link || link.isReady;
    const { incarnation: knownIncarnation, tickedVersion, version: seenVersion } = witness;
    const seen = { incarnation: knownIncarnation, tickedVersion, seenVersion, fresh: this.#fresh };
    const { advance } = load;
    const reckoned = { reckonedMs: clock.highestMs, reckonedUs: time.orderUs(sentAtMs) };
    const args = { limit, ...reckoned, recordPrefix, live, ...mark, ...seen, advance, publisher };
    const answer = scripts.run(via, tick, { meta, deadlines, log }, args, textOf(load));
    const reply = await answer.catch((error) => {
      if (isSent) this.#kept.tickFailed();
      return this.#failed(error);
    });
    const { tick: result, failures, begun, isAdvanced, missing } = reply;
    const answeredAtMs = this.#parts.clock.monotonicMs();
    this.#kept.ticked(load, missing, isAdvanced, answeredAtMs);
    this.#parts.troubles.tickWorked(number);
    this.#state.ticked(reply, sentAtMs, answeredAtMs);
    if (begun !== "") {
      this.#fresh = randomId(this.#parts.clock);
      this.#parts.onBegin({ shard: number, reason: begun, begin: result.begin });
    }
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

  /**
   * Runs a script that needs the shard's clock, which only a tick may start; without it, it did nothing. And a tick
   * comes first on each connection: its server may have lost what this node saw.
   * @param isToRepeat whether an error says that it did nothing, and that a tick mends the reason
   */
  async withClock<Result>(
    run: () => Promise<Result>,
    isToRepeat: (error: unknown) => boolean = isWithoutClock,
  ): Promise<Result> {
    if (!this.#state.isProven) await this.tick(0);
    try {
      return await run();
    } catch (error) {
      if (!isToRepeat(error)) throw error;
      await this.tick(0);
      return await run();
    }
  }

  /**
   * Runs a script, as withClock does, that changes nothing when it is carried out too late.
   * @param askedMs monotonic time when its caller asked
   */
  inTime<Result>(askedMs: number, run: (until: Until) => Promise<Result>): Promise<Result> {
    const { clock, commandTimeoutMs } = this.#parts;
    // One that is answered in time was none too late: the server's clock was stepped, and the next tick tells.
    const isInTime = (error: unknown) =>
      codeBehind(error) === "LATE" && clock.monotonicMs() - askedMs < commandTimeoutMs;
    const runUntil = () => {
      const { nowUs, clockMs } = countsUntil(this.#state.momentAt(askedMs), commandTimeoutMs);
      return run({ untilUs: nowUs, untilMs: clockMs });
    };
    return this.withClock(runUntil, (error) => isWithoutClock(error) || isInTime(error));
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

function isWithoutClock(error: unknown): boolean {
  return codeBehind(error) === "NOCLOCK";
}

/** As the script takes them: when they came, and their member. */
function textOf({ heartbeats }: Load): string[] {
  return heartbeats.flatMap(({ member, reckonedMs }) => [reckonedMs === undefined ? "" : String(reckonedMs), member]);
}

function randomId(clock: Clock): string {
  const part = () => Math.floor(clock.random() * 2 ** 52).toString(36);
  return part() + part();
}
