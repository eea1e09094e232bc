import type { Cancel, Clock } from "@realchat/presence-runtime";
import { tickCapMs } from "../domain/shard-clock.ts";
import type { ShardKeeping, Tick } from "../store/store.ts";

/** Sessions that one tick takes down at most; about a millisecond of a Redis server. */
const pageSize = 100;
/** Pace of mass expiry of all shards together, sessions a second (P2, P6). */
const expiriesPerSecond = 20_000;
/** Shards that are ticked at one moment: their commands travel together. A quarter of a millisecond of a Redis server. */
const groupSize = 8;

/**
 * Ticks every shard about four times a second, in groups, one after the other: advances its clock and takes down what is
 * due. Every node ticks every shard, so that no shard depends on one node.
 */
export class Ticker {
  readonly #store: ShardKeeping;
  readonly #shardCount: number;
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #pageMs: number;
  readonly #onTick: (shard: number, tick: Tick) => void;
  readonly #latest: (Tick | undefined)[];
  readonly #timers: Cancel[] = [];
  #stopped = false;
  #startMs = 0;
  expired = 0;
  /** Expiries that failed. */
  expiriesFailed = 0;
  /** Ticks that failed, and that worked. */
  ticksFailed = 0;
  ticksWorked = 0;

  constructor(options: {
    store: ShardKeeping;
    shardCount: number;
    ttlMs: number;
    clock: Clock;
    onTick: (shard: number, tick: Tick) => void;
  }) {
    this.#store = options.store;
    this.#shardCount = options.shardCount;
    this.#clock = options.clock;
    this.#onTick = options.onTick;
    // Two ticks within the cap, or the shard clock would fall behind at each late tick.
    this.#periodMs = Math.min(250, tickCapMs(options.ttlMs) / 2);
    this.#pageMs = (pageSize / expiriesPerSecond) * 1000 * options.shardCount;
    this.#latest = new Array(options.shardCount).fill(undefined);
  }

  start(): void {
    this.#startMs = this.#clock.monotonicMs();
    for (let shard = 0; shard < this.#shardCount; shard++) this.#schedule(shard, 0, this.#dueMs(shard, 0));
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#timers) cancel();
  }

  /** The last tick of each shard that this node has ticked. */
  latest(): readonly Tick[] {
    return this.#latest.filter((tick) => tick !== undefined);
  }

  /** When the shard's turn of that period is, monotonic ms: the same for all of its group, so that they stay together. */
  #dueMs(shard: number, period: number): number {
    const groups = Math.ceil(this.#shardCount / groupSize);
    return this.#startMs + this.#periodMs * (period + Math.floor(shard / groupSize) / groups);
  }

  /** @param atMs monotonic */
  #schedule(shard: number, period: number, atMs: number): void {
    if (this.#stopped) return;
    const delayMs = Math.max(0, Math.ceil(atMs - this.#clock.monotonicMs()));
    this.#timers[shard] = this.#clock.after(delayMs, () => void this.#run(shard, period));
  }

  async #run(shard: number, period: number): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    let pageMs = Number.POSITIVE_INFINITY;
    try {
      const tick = await this.#store.tick(shard, pageSize);
      this.#latest[shard] = tick;
      this.ticksWorked++;
      this.expired += tick.expired;
      this.expiriesFailed += tick.failed;
      if (tick.expired >= pageSize) pageMs = this.#pageMs;
      if (!this.#stopped) this.#onTick(shard, tick);
    } catch {
      // The store cannot answer: its health says why. The shard clock stands still meanwhile, and no session expires
      // (P6).
      this.ticksFailed++;
    }
    // A turn that was missed is made up for at once, one of several.
    const missed = Math.floor((this.#clock.monotonicMs() - this.#dueMs(shard, 0)) / this.#periodMs);
    const next = Math.max(period + 1, missed);
    const nextMs = this.#dueMs(shard, next);
    if (startedMs + pageMs < nextMs) this.#schedule(shard, period, startedMs + pageMs);
    else this.#schedule(shard, next, nextMs);
  }
}
