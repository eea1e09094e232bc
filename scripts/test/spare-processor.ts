import { cpus } from "node:os";
import { type Clock, pause, systemClock } from "@realchat/presence-runtime/clock";

const enough = 0.5;

/** Tells one who waits after the other when half a processor was idle for a while: what runs waits, and leaves room. */
export class SpareProcessor {
  readonly #lookMs: number;
  readonly #idleMs: () => number;
  readonly #clock: Clock;
  #last = Promise.resolve();

  /**
   * @param lookMs for how long
   * @param idleMs how long all processors of this machine were idle, together, since some time
   */
  constructor(lookMs: number, idleMs = idleOfAll, clock: Clock = systemClock) {
    this.#lookMs = lookMs;
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
      await pause(this.#clock, this.#lookMs);
      idle = (this.#idleMs() - beforeMs) / (this.#clock.monotonicMs() - beganMs);
    }
  }
}

function idleOfAll(): number {
  return cpus().reduce((sum, { times }) => sum + times.idle, 0);
}
