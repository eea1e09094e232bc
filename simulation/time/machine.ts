import type { Cancel, Clock } from "@realchat/presence-runtime";
import type { EventLoop } from "./event-loop.ts";
import type { Random } from "./random.ts";
import type { Timer } from "./timer-heap.ts";

/** Wall clock of a machine whose clock is right, at the beginning, µs since 1970. */
const beginningUs = 1_790_000_000_000_000;

/** No timer is shorter, unless it is due at once: so little is lost in a sum of milliseconds, and no time would pass. */
const grainMs = 0.001;

interface MachineOptions {
  readonly name: string;
  readonly loop: EventLoop;
  readonly random: Random;
  /** How much faster its clocks run than true time, a share; default 0. */
  readonly drift?: number;
  /** How much its wall clock is ahead, ms; default 0. */
  readonly aheadMs?: number;
}

/**
 * A process on a machine of its own: the clock that it has, which may be wrong, and the way in for all that reaches it.
 * While it is frozen nothing runs, and all of that waits. When it is dead nothing runs ever again.
 */
export class Machine implements Clock {
  readonly name: string;
  readonly random: () => number;
  readonly #loop: EventLoop;
  readonly #rate: number;
  readonly #bornMs: number;
  #wallOffsetUs: number;
  #state: "runs" | "frozen" | "dead" = "runs";
  #frozenAtMs = 0;
  #thawedAtMs = Number.NEGATIVE_INFINITY;
  #frozenForMs = 0;
  #backlog: (() => void)[] = [];
  /** Timers that are among those. */
  readonly #held = new Set<Timer>();
  /** How often its wall clock was stepped forward. */
  forwardSteps = 0;

  constructor({ name, loop, random, drift = 0, aheadMs = 0 }: MachineOptions) {
    this.name = name;
    this.random = random.next;
    this.#loop = loop;
    this.#rate = 1 + drift;
    this.#bornMs = loop.nowMs;
    this.#wallOffsetUs = beginningUs + (loop.nowMs + aheadMs) * 1_000;
  }

  get runs(): boolean {
    return this.#state === "runs";
  }

  get isDead(): boolean {
    return this.#state === "dead";
  }

  /** For how long what it reads now may have waited, since it stood still, ms. */
  get waitedMs(): number {
    return this.#loop.nowMs - this.#thawedAtMs < 100 ? this.#frozenForMs : 0;
  }

  nowUs(): number {
    return Math.floor(this.#wallOffsetUs + this.monotonicMs() * 1_000);
  }

  monotonicMs(): number {
    return (this.#loop.nowMs - this.#bornMs) * this.#rate;
  }

  /** No machine here is suspended. */
  uptimeMs(): number {
    return this.monotonicMs();
  }

  after(delayMs: number, run: () => void): Cancel {
    const leastMs = delayMs > 0 ? Math.max(delayMs, grainMs) : 0;
    const set = this.#loop.after(leastMs / this.#rate, (timer) => this.#due(timer, run));
    return () => set.cancel();
  }

  every(periodMs: number, run: () => void): Cancel {
    const set = this.#loop.every(periodMs / this.#rate, (timer) => this.#due(timer, run));
    return () => set.cancel();
  }

  /** Something reaches this machine from outside: it is run now, or when it thaws, or never. */
  receive(run: () => void): void {
    if (this.#state === "runs") run();
    else if (this.#state === "frozen") this.#backlog.push(run);
  }

  freeze(): void {
    if (this.#state !== "runs") return;
    this.#state = "frozen";
    this.#frozenAtMs = this.#loop.nowMs;
  }

  thaw(): void {
    if (this.#state !== "frozen") return;
    this.#state = "runs";
    this.#thawedAtMs = this.#loop.nowMs;
    this.#frozenForMs = this.#thawedAtMs - this.#frozenAtMs;
    const backlog = this.#backlog;
    this.#backlog = [];
    // Each in a turn of its own: promises settle between them, as they do between two timers.
    for (const run of backlog) this.#loop.after(0, () => this.receive(run));
  }

  kill(): void {
    this.#state = "dead";
    this.#backlog = [];
    this.#held.clear();
  }

  /** Steps the wall clock alone, as an operator or NTP does. */
  stepWall(byMs: number): void {
    this.#wallOffsetUs += byMs * 1_000;
    if (byMs > 0) this.forwardSteps++;
  }

  /** Its turn has come. As of setInterval: after a freeze it runs once, not once for every period that was missed. */
  #due(timer: Timer, run: () => void): void {
    if (this.#state === "runs") {
      run();
    } else if (this.#state === "dead") {
      timer.cancel();
    } else if (!this.#held.has(timer)) {
      this.#held.add(timer);
      this.receive(() => {
        this.#held.delete(timer);
        if (!timer.isCancelled) this.#due(timer, run);
      });
    }
  }
}
