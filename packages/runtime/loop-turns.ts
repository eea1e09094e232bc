import type { Cancel, Clock } from "./clock.ts";

const turnMs = 20;
/** A connection is accepted in one turn and read in the next; there is room for turns that read only a part. */
const turnsKept = 4;

/**
 * Tells how long what this process reads may have waited for it. While a process stands still (SIGSTOP, a long garbage
 * collection, a machine without time for it), peers come, ask and leave again, and all of it lies in the kernel until the
 * event loop turns.
 */
export class LoopTurns {
  readonly #clock: Clock;
  /** When the loop last came by, a ring. */
  readonly #times: number[];
  readonly #stop: Cancel;
  #oldest = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#times = new Array<number>(turnsKept).fill(clock.monotonicMs());
    this.#stop = clock.every(turnMs, () => {
      this.#times[this.#oldest] = clock.monotonicMs();
      this.#oldest = (this.#oldest + 1) % turnsKept;
    });
  }

  /** The most that what is read now has waited, ms; about 80 while the loop turns freely. */
  get waitedMs(): number {
    return this.#clock.monotonicMs() - (this.#times[this.#oldest] as number);
  }

  stop(): void {
    this.#stop();
  }
}
