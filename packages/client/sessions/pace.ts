import type { Cancel, Clock } from "@realchat/presence-runtime/clock";

/** How far a quiet time may be made up for, ms. */
const burstMs = 100;
/** Whoever had no turn asks again after so long at least, ms: those whose turns came meanwhile go in one call. */
const waitMinMs = 20;

/**
 * Bounds how many calls start in a second, at intervals that vary by chance. After a quiet time up to a tenth of a
 * second's worth may start at once. Source: the generic cell rate algorithm, ITU-T I.371 annex A.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #gapMs: number;
  readonly #wake: () => void;
  #dueMs = Number.NEGATIVE_INFINITY;
  #cancel: Cancel | undefined;

  /** @param wake called when there was a refusal and it is time to ask again */
  constructor(clock: Clock, perSecond: number, wake: () => void) {
    this.#clock = clock;
    this.#gapMs = 1_000 / perSecond;
    this.#wake = wake;
  }

  /** Whether the next may start now. */
  hasTurn(): boolean {
    const earlyMs = this.#dueMs - burstMs - this.#clock.monotonicMs();
    if (earlyMs <= 0) return true;
    this.#cancel ??= this.#clock.after(Math.max(earlyMs, waitMinMs), () => {
      this.#cancel = undefined;
      this.#wake();
    });
    return false;
  }

  /** It started. */
  spend(): void {
    const gapMs = this.#gapMs * (0.5 + this.#clock.random());
    this.#dueMs = Math.max(this.#dueMs, this.#clock.monotonicMs()) + gapMs;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
