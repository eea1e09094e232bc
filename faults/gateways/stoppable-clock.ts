import { type Cancel, type Clock, systemClock } from "@realchat/presence-runtime/clock";

/** The machine's clock for a part of this process that can stand still: what falls due meanwhile is run afterwards. */
export class StoppableClock implements Clock {
  readonly #heldUp = new Set<() => void>();
  #isStopped = false;

  nowUs(): number {
    return systemClock.nowUs();
  }

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }

  uptimeMs(): number {
    return systemClock.uptimeMs();
  }

  random(): number {
    return systemClock.random();
  }

  after(delayMs: number, run: () => void): Cancel {
    const turn = () => this.#run(run);
    const cancel = systemClock.after(delayMs, turn);
    return () => {
      cancel();
      this.#heldUp.delete(run);
    };
  }

  every(periodMs: number, run: () => void): Cancel {
    const cancel = systemClock.every(periodMs, () => this.#run(run));
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
