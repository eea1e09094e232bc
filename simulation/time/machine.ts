import type { Cancel, Clock } from "@realchat/presence-runtime";
import type { EventLoop } from "./event-loop.ts";
import type { Random } from "./random.ts";

/** Wall clock of a machine whose clock is right, at the beginning, µs since 1970. */
const beginningUs = 1_790_000_000_000_000;

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
  readonly #stops = new Set<Cancel>();
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
    return this.#set(run, (due) => this.#loop.after(delayMs / this.#rate, due), true);
  }

  every(periodMs: number, run: () => void): Cancel {
    return this.#set(run, (due) => this.#loop.every(periodMs / this.#rate, due), false);
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
    for (const stop of this.#stops) stop();
    this.#stops.clear();
  }

  /** Steps the wall clock alone, as an operator or NTP does. */
  stepWall(byMs: number): void {
    this.#wallOffsetUs += byMs * 1_000;
    if (byMs > 0) this.forwardSteps++;
  }

  #set(run: () => void, start: (due: () => void) => Cancel, isOnce: boolean): Cancel {
    if (this.#state === "dead") return () => {};
    let isCancelled = false;
    let isWaiting = false;
    const due = () => {
      if (this.#state === "runs") {
        if (isOnce) this.#stops.delete(cancel);
        run();
      } else if (!isWaiting) {
        // As setInterval does: after a freeze it fires once, not once for every period that was missed.
        isWaiting = true;
        this.receive(() => {
          isWaiting = false;
          if (!isCancelled) due();
        });
      }
    };
    const stop = start(due);
    const cancel = () => {
      isCancelled = true;
      this.#stops.delete(cancel);
      stop();
    };
    this.#stops.add(cancel);
    return cancel;
  }
}
