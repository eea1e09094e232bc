import type { Clock } from "@realchat/presence-runtime";

/**
 * The directory's clock, as far as it is known here: as it was read last, and what has passed here since that reply. So it
 * lags behind by the reply's way, and whoever reads it afterwards, on any gateway, is ahead of what was told here before.
 */
export class DirectoryClock {
  readonly #clock: Clock;
  /** By how much it is ahead of our monotonic clock; undefined: it was never read, and our wall clock counts. */
  #aheadUs: number | undefined;
  #shownUs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The latest time that was told to somebody. */
  get shownUs(): number {
    return this.#shownUs;
  }

  /** µs since 1970; never less than before. */
  nowUs(): number {
    const nowUs = this.#aheadUs === undefined ? this.#clock.nowUs() : this.#monotonicUs + this.#aheadUs;
    this.#shownUs = Math.max(this.#shownUs, Math.floor(nowUs));
    return this.#shownUs;
  }

  /** @param readUs as it was when it replied */
  set(readUs: number): void {
    this.#aheadUs = readUs - this.#monotonicUs;
  }

  get #monotonicUs(): number {
    return this.#clock.monotonicMs() * 1_000;
  }
}
