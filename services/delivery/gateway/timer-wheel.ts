import type { Cancel, Clock } from "@realchat/presence-runtime";

/** A timer of one wheel; it is set at most once at a time. What is to happen is a method: there are many timers. */
export abstract class WheelTimer {
  /** Owned by the wheel. */
  slot: Set<WheelTimer> | undefined;
  dueTick = 0;

  abstract run(): void;
}

const slotCount = 256;

/** Decades. A longer delay is cut to this, so that every sum of ticks is a safe integer. */
const delayMaxTicks = 2 ** 40;

/**
 * One system timer for the timers of all sockets. A timer runs less than two ticks late, or less than one if a running
 * timer set it. After a freeze of the process all timers are late alike, so that data that peers sent meanwhile is read
 * before a timer calls them dead.
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

  /** Runs it after `delayMs`; an earlier setting is cancelled. */
  set(timer: WheelTimer, delayMs: number): void {
    this.cancel(timer);
    const ticks = Math.min(Math.max(1, Math.ceil(delayMs / this.#tickMs)), delayMaxTicks);
    // One more, since a part of the current tick has passed already.
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
    // A slot holds timers of this tick and of later laps, some of them set by timers that run just now.
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
