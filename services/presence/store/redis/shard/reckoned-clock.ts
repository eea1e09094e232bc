/**
 * A shard's clock as this node reckons it between ticks, so that a heartbeat need not ask. Counted from when the tick
 * was sent, it never runs behind the true one; and it is good for no longer than the clock itself runs on without a
 * tick, so that an outage does not count (P6).
 */
export class ReckonedClock {
  readonly #capMs: number;
  #clockMs = 0;
  #highestMs = 0;
  #sentAtMs = Number.NEGATIVE_INFINITY;

  /** @param capMs see tickCapMs */
  constructor(capMs: number) {
    this.#capMs = capMs;
  }

  /**
   * A tick was answered.
   * @param clockMs the shard clock that it replied
   * @param sentAtMs monotonic time when it was sent
   */
  ticked(clockMs: number, sentAtMs: number): void {
    this.#clockMs = clockMs;
    this.#highestMs = Math.max(this.#highestMs, clockMs);
    this.#sentAtMs = sentAtMs;
  }

  /** The connection was lost: what passed since is unknown. */
  interrupted(): void {
    this.#sentAtMs = Number.NEGATIVE_INFINITY;
  }

  /** @returns integer ms; undefined when a tick must come first */
  readMs(nowMs: number): number | undefined {
    const passedMs = nowMs - this.#sentAtMs;
    return passedMs <= this.#capMs ? Math.ceil(this.#clockMs + passedMs) : undefined;
  }

  /** The highest reading that a tick replied, 0 if none did: a clock that was lost must not start below it. */
  get highestMs(): number {
    return this.#highestMs;
  }
}
