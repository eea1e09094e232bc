import { type Clock, systemClock } from "@realchat/presence-runtime/clock";

const lookEveryMs = 500;

/** Notices that all tests of this process have ended, and that it does not end. It does not keep the process itself. */
export class EndWatch {
  readonly #clock: Clock;
  readonly #open = new Set<number>();
  /** Since when no test is open, monotonic ms. */
  #idleSinceMs = Number.POSITIVE_INFINITY;

  /** @param lingers called once, when no test was open for `maxMs` */
  constructor(maxMs: number, lingers: () => void, clock: Clock = systemClock) {
    this.#clock = clock;
    const cancel = clock.every(lookEveryMs, () => {
      if (clock.monotonicMs() - this.#idleSinceMs < maxMs) return;
      cancel();
      lingers();
    });
  }

  /** @param type of the runner's event; tests that wait for others are open, too */
  note(type: string, testId: number): void {
    if (type === "test:enqueue") this.#open.add(testId);
    if (type === "test:complete") this.#open.delete(testId);
    this.#idleSinceMs = this.#open.size === 0 ? this.#clock.monotonicMs() : Number.POSITIVE_INFINITY;
  }
}
