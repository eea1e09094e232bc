import type { Cancel, Clock } from "@realchat/presence-runtime";

/** Something to do later, at most one time at once; belongs to one wheel. */
export class WheelTimer {
  readonly run: () => void;
  /** Kept by the wheel. */
  slot: Set<WheelTimer> | undefined;
  dueTick = 0;

  constructor(run: () => void) {
    this.run = run;
  }
}

const slotCount = 256;

/** Decades: a longer delay is taken for this one, so that every sum of ticks stays a whole number. */
const delayMaxTicks = 2 ** 40;

/**
 * One timer of the system for those of all sockets. A timer runs less than two ticks late, one that is set by another one
 * that runs not even one; after a freeze of the process all are late alike, so that what a peer did meanwhile is read
 * before it is judged.
 */
export class TimerWheel {
  readonly #tickMs: number;
  readonly #slots: readonly Set<WheelTimer>[] = Array.from({ length: slotCount }, () => new Set());
  readonly #stop: Cancel;
  #tickCount = 0;
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
    const ticks = Math.min(Math.max(1, Math.ceil(delayMs / this.#tickMs)), delayMaxTicks);
    // One more where part of the current tick is over already.
    timer.dueTick = this.#tickCount + ticks + (this.#isTicking ? 0 : 1);
    timer.slot = this.#slotOf(timer.dueTick);
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
    this.#tickCount++;
    this.#isTicking = true;
    // A slot holds the timers of this tick, of later laps, and those that running timers set for a later lap just now.
    for (const timer of this.#slotOf(this.#tickCount)) {
      if (timer.dueTick > this.#tickCount) continue;
      this.cancel(timer);
      timer.run();
    }
    this.#isTicking = false;
  }

  #slotOf(tick: number): Set<WheelTimer> {
    return this.#slots[tick % slotCount] as Set<WheelTimer>;
  }
}
