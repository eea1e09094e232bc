/** Lets `burst` things happen at once and `perSecond` in the long run. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #countedMs: number;

  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#tokens = burst;
    this.#countedMs = nowMs;
  }

  /** @returns whether there was one left */
  take(nowMs: number): boolean {
    const refilled = this.#tokens + ((nowMs - this.#countedMs) * this.#perSecond) / 1_000;
    this.#tokens = Math.min(this.#burst, refilled) - 1;
    this.#countedMs = nowMs;
    if (this.#tokens >= 0) return true;
    this.#tokens = 0;
    return false;
  }
}
