import type { Cancel, Clock } from "@realchat/presence-runtime";
import { tickCapMs } from "../domain/shard-clock.ts";
import type { ShardKeeping, Tick } from "../store/store.ts";

/** Sessions that one tick takes down at most; about a millisecond of a Redis server. */
const pageSize = 100;
/** Pace of mass expiry of all shards together, sessions a second (P2, P6). */
const expiriesPerSecond = 20_000;

/**
 * Ticks every shard about four times a second, staggered: advances its clock and takes down what is due. Every node
 * ticks every shard, so that no shard depends on one node.
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
    for (let shard = 0; shard < this.#shardCount; shard++) {
      this.#schedule(shard, (this.#periodMs * shard) / this.#shardCount);
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#timers) cancel();
  }

  /** The last tick of each shard that this node has ticked. */
  latest(): readonly Tick[] {
    return this.#latest.filter((tick) => tick !== undefined);
  }

  #schedule(shard: number, delayMs: number): void {
    if (!this.#stopped) this.#timers[shard] = this.#clock.after(Math.max(0, delayMs), () => void this.#run(shard));
  }

  async #run(shard: number): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    let waitMs = this.#periodMs;
    try {
      const tick = await this.#store.tick(shard, pageSize);
      this.#latest[shard] = tick;
      this.ticksWorked++;
      this.expired += tick.expired;
      this.expiriesFailed += tick.failed;
      if (tick.expired >= pageSize) waitMs = Math.min(waitMs, this.#pageMs);
      if (!this.#stopped) this.#onTick(shard, tick);
    } catch {
      // The store cannot answer: its health says why. The shard clock stands still meanwhile, and no session expires
      // (P6).
      this.ticksFailed++;
    }
    this.#schedule(shard, waitMs - (this.#clock.monotonicMs() - startedMs));
  }
}
