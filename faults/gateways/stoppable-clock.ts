import type { Cancel, Clock } from "@realchat/presence-runtime/clock";

/** A clock for a part of this process that can stand still: what falls due meanwhile is run afterwards. */
export class StoppableClock implements Clock {
  readonly #clock: Clock;
  readonly #heldUp = new Set<() => void>();
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowUs(): number {
    return this.#clock.nowUs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  uptimeMs(): number {
    return this.#clock.uptimeMs();
  }

  random(): number {
    return this.#clock.random();
  }

  after(delayMs: number, run: () => void): Cancel {
    const turn = () => this.#run(run);
    const cancel = this.#clock.after(delayMs, turn);
    return () => {
      cancel();
      this.#heldUp.delete(run);
    };
  }

  every(periodMs: number, run: () => void): Cancel {
    const cancel = this.#clock.every(periodMs, () => this.#run(run));
    return () => {
      cancel();
      this.#heldUp.delete(run);
    };
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Resolves, or runs, when it does not stand still. */
  untilRunning(): Promise<void> {
    return new Promise((resolve) => this.#run(resolve));
  }

  goOn(): void {
    this.#isStopped = false;
    const due = [...this.#heldUp];
    this.#heldUp.clear();
    for (const run of due) run();
  }

  #run(run: () => void): void {
    if (this.#isStopped) this.#heldUp.add(run);
    else run();
  }
}
