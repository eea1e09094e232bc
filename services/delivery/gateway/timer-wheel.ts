import type { Cancel, Clock } from "@realchat/presence-runtime";

/** Something to do later, at most one time at once; belongs to one wheel. */
export class WheelTimer {
  readonly run: () => void;
  /** Kept by the wheel. */
  slot: Set<WheelTimer> | undefined;
  rounds = 0;

  constructor(run: () => void) {
    this.run = run;
  }
}

const slotCount = 256;

/**
 * One timer of the system for those of all sockets. A timer runs less than two ticks late, one that is set by another one
 * that runs not even one; after a freeze of the process
 * all are late alike, so that what a peer did meanwhile is read before it is judged.
 */
export class TimerWheel {
  readonly #tickMs: number;
  readonly #slots: readonly Set<WheelTimer>[] = Array.from({ length: slotCount }, () => new Set());
  readonly #stop: Cancel;
  #position = 0;
  #size = 0;
  #isTicking = false;

  constructor(clock: Clock, tickMs: number) {
    this.#tickMs = tickMs;
    this.#stop = clock.every(tickMs, () => this.#tick());
  }

  get size(): number {
    return this.#size;
  }

  /** Runs it after `delayMs`, and no more at the time it was set to before. */
  set(timer: WheelTimer, delayMs: number): void {
    this.cancel(timer);
    // One more where part of the current tick is over already.
    const ticks = Math.max(1, Math.ceil(delayMs / this.#tickMs)) + (this.#isTicking ? 0 : 1);
    timer.slot = this.#slots[(this.#position + ticks) % slotCount] as Set<WheelTimer>;
    timer.rounds = Math.floor((ticks - 1) / slotCount);
    timer.slot.add(timer);
    this.#size++;
  }

  cancel(timer: WheelTimer): void {
    if (timer.slot === undefined) return;
    timer.slot.delete(timer);
    timer.slot = undefined;
    this.#size--;
  }

  close(): void {
    this.#stop();
  }

  #tick(): void {
    this.#position = (this.#position + 1) % slotCount;
    this.#isTicking = true;
    for (const timer of this.#slots[this.#position] as Set<WheelTimer>) {
      if (timer.rounds > 0) timer.rounds--;
      else {
        this.cancel(timer);
        timer.run();
      }
    }
    this.#isTicking = false;
  }
}
