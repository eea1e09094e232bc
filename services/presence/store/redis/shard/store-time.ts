/**
 * The wall clock of the server that has a shard, as this node reckons it between ticks. Counted from when the tick was sent,
 * it is never behind the true one, unless that was stepped since: the next tick tells.
 */
export class StoreTime {
  #aheadUs = 0;

  /**
   * A tick was answered.
   * @param nowUs wall clock of the server, µs since 1970
   * @param sentAtMs monotonic time when it was sent
   */
  ticked(nowUs: number, sentAtMs: number): void {
    this.#aheadUs = nowUs - sentAtMs * 1_000;
  }

  /** @returns integer µs since 1970, good once a tick was answered */
  readUs(atMs: number): number {
    return Math.ceil(atMs * 1_000 + this.#aheadUs);
  }
}
