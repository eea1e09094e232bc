import type { Cancel, Clock } from "./clock.ts";

type Timer = { atMs: number; order: number; periodMs: number | undefined; run: () => void };

/**
 * A clock that stands still until a test moves it. Randomness is seeded (mulberry32), so a run repeats exactly.
 */
export class FakeClock implements Clock {
  #nowMs: number;
  #wallUs: number;
  #suspendedMs = 0;
  #state: number;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(options: { seed?: number; wallUs?: number } = {}) {
    this.#nowMs = 1_000;
    this.#wallUs = options.wallUs ?? 1_790_000_000_000_000;
    this.#state = options.seed ?? 1;
  }

  nowUs(): number {
    return Math.floor(this.#wallUs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  uptimeMs(): number {
    return this.#nowMs + this.#suspendedMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    return this.#add({ atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, periodMs: undefined, run });
  }

  every(periodMs: number, run: () => void): Cancel {
    return this.#add({ atMs: this.#nowMs + periodMs, order: this.#order++, periodMs, run });
  }

  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** Timers that have yet to run, those that repeat included. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves time forward, running what falls due in order; lets promises settle between timers. */
  async advance(byMs: number): Promise<void> {
    const end = this.#nowMs + byMs;
    for (;;) {
      await settle();
      const next = this.#earliest();
      if (next === undefined || next.atMs > end) break;
      this.#moveTo(next.atMs);
      if (next.periodMs === undefined) this.#timers.delete(next);
      // As setInterval does: after a freeze it fires once, not once for every period that was missed.
      else next.atMs = this.#nowMs + next.periodMs;
      next.run();
    }
    this.#moveTo(end);
    await settle();
  }

  /** Moves time forward without running timers: what a frozen process sees when it wakes. */
  freeze(forMs: number): void {
    this.#moveTo(this.#nowMs + forMs);
  }

  /** The machine sleeps: monotonic time stands still, and what is due with it. */
  suspend(forMs: number): void {
    this.#suspendedMs += forMs;
    this.#wallUs += forMs * 1000;
  }

  /** Steps the wall clock alone, as an operator or NTP does; monotonic time is untouched. */
  stepWall(byMs: number): void {
    this.#wallUs += byMs * 1000;
  }

  #moveTo(atMs: number): void {
    if (atMs <= this.#nowMs) return;
    this.#wallUs += (atMs - this.#nowMs) * 1000;
    this.#nowMs = atMs;
  }

  #add(timer: Timer): Cancel {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  #earliest(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (first === undefined || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) {
        first = timer;
      }
    }
    return first;
  }
}

/** Lets everything that is only waiting for promises run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
