/**
 * How many messages a client may send: a bucket of `burst`, refilled at `perSecond`.
 * Source: the token bucket of RFC 2697 §3, with one rate.
 */
export interface MessageRate {
  readonly perSecond: number;
  readonly burst: number;
}

export class MessageAllowance {
  readonly #rate: MessageRate;
  #left: number;
  #atMs: number;

  constructor(rate: MessageRate, nowMs: number) {
    this.#rate = rate;
    this.#left = rate.burst;
    this.#atMs = nowMs;
  }

  /** @returns false when there was one too many */
  take(nowMs: number): boolean {
    const { perSecond, burst } = this.#rate;
    this.#left = Math.min(burst, this.#left + ((nowMs - this.#atMs) / 1000) * perSecond);
    this.#atMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
