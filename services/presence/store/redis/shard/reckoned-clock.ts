/**
 * A shard's clock as this node reckons it between ticks, so that a heartbeat need not ask. Counted from when the tick
 * was sent, it never runs behind the true one; and it is good for no longer than the clock itself runs on without a
 * tick, so that an outage does not count (P6).
 */
export class ReckonedClock {
  readonly #capMs: number;
  #clockMs = 0;
  #highestMs = 0;
  /** undefined: no tick was ever answered. */
  #sentAtMs: number | undefined;
  #isInterrupted = false;

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
    this.#isInterrupted = false;
  }

  /** The connection was lost: what passed since is unknown. */
  interrupted(): void {
    this.#isInterrupted = true;
  }

  /** @returns integer ms; undefined when a tick must come first */
  readMs(nowMs: number): number | undefined {
    if (this.#sentAtMs === undefined || this.#isInterrupted) return undefined;
    const passedMs = nowMs - this.#sentAtMs;
    return passedMs <= this.#capMs ? Math.ceil(this.#clockMs + passedMs) : undefined;
  }

  /**
   * The most that the clock can read now, whether or not anybody ticks it: it runs no faster than time.
   * @returns integer ms; undefined when no tick was ever answered
   */
  boundMs(nowMs: number): number | undefined {
    return this.#sentAtMs === undefined ? undefined : Math.ceil(this.#clockMs + nowMs - this.#sentAtMs);
  }

  /** The highest reading that a tick replied, 0 if none did: a clock that was lost must not start below it. */
  get highestMs(): number {
    return this.#highestMs;
  }
}
