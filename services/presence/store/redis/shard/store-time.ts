import { type OrderReading, reckonOrderUs } from "../../../domain/order-clock.ts";

/**
 * The wall clock of the server that has a shard, and the order clock that goes by it, as this node reckons them between
 * ticks. Counted from when the tick was sent, the wall clock is never behind the true one, unless that was stepped since: the
 * next tick tells. Counted from when it was answered, the order clock is never ahead.
 */
export class StoreTime {
  #aheadUs = 0;
  #answered: { readonly reading: OrderReading; readonly atMs: number } | undefined;

  /**
   * A tick was answered.
   * @param reading of both clocks, µs since 1970
   * @param sentAtMs monotonic time when it was sent
   * @param answeredAtMs the same when its answer came
   */
  ticked(reading: OrderReading, sentAtMs: number, answeredAtMs: number): void {
    this.#aheadUs = reading.nowUs - sentAtMs * 1_000;
    this.#answered = { reading, atMs: answeredAtMs };
  }

  /** @returns integer µs since 1970, good once a tick was answered */
  readUs(atMs: number): number {
    return Math.ceil(atMs * 1_000 + this.#aheadUs);
  }

  /** How far orders are ahead of the wall clock by the last tick: see OrderClock. */
  get orderAheadUs(): number {
    return this.#answered?.reading.aheadUs ?? 0;
  }

  /** What the order clock reads then at least. @returns integer µs; 0: no tick was ever answered */
  orderUs(atMs: number): number {
    if (this.#answered === undefined) return 0;
    const { reading, atMs: answeredAtMs } = this.#answered;
    return reckonOrderUs(reading, Math.max(0, atMs - answeredAtMs) * 1_000);
  }
}
