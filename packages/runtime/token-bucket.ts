/** How often something may happen: `burst` times at once, `perSecond` in the long run. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** A bucket of `burst` tokens, refilled at `perSecond`. Source: the token bucket of RFC 2697 §3, with one rate. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #refilledMs: number;

  /** @param nowMs monotonic */
  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#refilledMs = nowMs;
  }

  /** @returns whether there was a token left */
  take(nowMs: number): boolean {
    const { perSecond, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#refilledMs) / 1_000) * perSecond);
    this.#refilledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** How long until there is a token, ms, counted from the last look. */
  get waitMs(): number {
    return (Math.max(0, 1 - this.#tokens) / this.#rate.perSecond) * 1_000;
  }
}
