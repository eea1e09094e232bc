import { Timer, TimerHeap } from "./timer-heap.ts";

const settled = Promise.resolve();

/**
 * Virtual time: nothing happens between two timers, so time jumps from each to the next, as soon as every promise has
 * settled that can. Hours take seconds, and a run with the same timers is the same run.
 */
export class EventLoop {
  #nowMs = 0;
  #order = 0;
  #isRunning = false;
  readonly #timers = new TimerHeap();
  /** Timers that ran so far. */
  turns = 0;

  /** True time, ms since the beginning, with fraction. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Calls `run` once after `delayMs`. */
  after(delayMs: number, run: (timer: Timer) => void): Timer {
    return this.#add(this.#nowMs + Math.max(0, delayMs), 0, run);
  }

  /** Calls `run` every `periodMs`, first after one period. */
  every(periodMs: number, run: (timer: Timer) => void): Timer {
    return this.#add(this.#nowMs + periodMs, periodMs, run);
  }

  /** Runs what happens until then. Rejects with what a timer throws. */
  run(untilMs: number): Promise<void> {
    if (this.#isRunning) throw new Error("this loop runs already");
    this.#isRunning = true;
    return new Promise<void>((resolve, reject) => {
      // Node runs a tick that a microtask asked for once no microtask is left. Costs no turn of Node's own loop.
      const onceSettled = () => process.nextTick(turn);
      const turn = () => {
        try {
          if (this.#runNext(untilMs)) {
            settled.then(onceSettled);
            return;
          }
          this.#nowMs = Math.max(this.#nowMs, untilMs);
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      settled.then(onceSettled);
    }).finally(() => {
      this.#isRunning = false;
    });
  }

  /** @returns whether there was a timer until then */
  #runNext(untilMs: number): boolean {
    const timer = this.#timers.first();
    if (timer === undefined || timer.atMs > untilMs) return false;
    this.#nowMs = timer.atMs;
    if (timer.periodMs > 0) {
      timer.atMs += timer.periodMs;
      timer.order = this.#order++;
      this.#timers.moveFirst();
    } else {
      this.#timers.removeFirst();
    }
    this.turns++;
    timer.run(timer);
    return true;
  }

  #add(atMs: number, periodMs: number, run: (timer: Timer) => void): Timer {
    const timer = new Timer(atMs, this.#order++, periodMs, run);
    this.#timers.add(timer);
    return timer;
  }
}
