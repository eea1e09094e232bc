import { cpus } from "node:os";
import { type Clock, pause, systemClock } from "@realchat/presence-runtime/clock";

const lookMs = 500;
const enough = 0.5;

/** Tells one who waits after the other when half a processor was idle for half a second: what runs waits, and leaves room. */
export class SpareProcessor {
  readonly #idleMs: () => number;
  readonly #clock: Clock;
  #last = Promise.resolve();

  /** @param idleMs how long all processors of this machine were idle, together, since some time */
  constructor(idleMs = idleOfAll, clock: Clock = systemClock) {
    this.#idleMs = idleMs;
    this.#clock = clock;
  }

  until(): Promise<void> {
    this.#last = this.#last.then(() => this.#look());
    return this.#last;
  }

  async #look(): Promise<void> {
    let idle = 0;
    while (idle < enough) {
      const [beganMs, beforeMs] = [this.#clock.monotonicMs(), this.#idleMs()];
      await pause(this.#clock, lookMs);
      idle = (this.#idleMs() - beforeMs) / (this.#clock.monotonicMs() - beganMs);
    }
  }
}

function idleOfAll(): number {
  return cpus().reduce((sum, { times }) => sum + times.idle, 0);
}
