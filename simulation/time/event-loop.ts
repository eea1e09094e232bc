/** Something that is due at some moment, once or again and again. */
export class Timer {
  atMs: number;
  /** Timers of one moment run in the order in which they were set. */
  order: number;
  /** 0: once. */
  readonly periodMs: number;
  readonly run: (timer: Timer) => void;
  isCancelled = false;

  constructor(atMs: number, order: number, periodMs: number, run: (timer: Timer) => void) {
    this.atMs = atMs;
    this.order = order;
    this.periodMs = periodMs;
    this.run = run;
  }

  /** It does not run again. */
  cancel(): void {
    this.isCancelled = true;
  }
}

const settled = Promise.resolve();

/**
 * Virtual time: nothing happens between two timers, so time jumps from each to the next, as soon as every promise has
 * settled that can. Hours take seconds, and a run with the same timers is the same run.
 */
export class EventLoop {
  #nowMs = 0;
  #order = 0;
  #isRunning = false;
  /** A binary heap: the earliest timer first. */
  readonly #timers: Timer[] = [];
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
    const timer = this.#first();
    if (timer === undefined || timer.atMs > untilMs) return false;
    this.#nowMs = timer.atMs;
    if (timer.periodMs > 0) {
      timer.atMs += timer.periodMs;
      timer.order = this.#order++;
      this.#sink(0);
    } else {
      this.#removeFirst();
    }
    this.turns++;
    timer.run(timer);
    return true;
  }

  /** The earliest timer that was not cancelled. */
  #first(): Timer | undefined {
    while (this.#timers[0]?.isCancelled === true) this.#removeFirst();
    return this.#timers[0];
  }

  #add(atMs: number, periodMs: number, run: (timer: Timer) => void): Timer {
    const timer = new Timer(atMs, this.#order++, periodMs, run);
    this.#timers.push(timer);
    this.#rise(this.#timers.length - 1);
    return timer;
  }

  #removeFirst(): void {
    const last = this.#timers.pop() as Timer;
    if (this.#timers.length === 0) return;
    this.#timers[0] = last;
    this.#sink(0);
  }

  #rise(start: number): void {
    const timers = this.#timers;
    const timer = timers[start] as Timer;
    let place = start;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = timers[above] as Timer;
      if (!isEarlier(timer, parent)) break;
      timers[place] = parent;
      place = above;
    }
    timers[place] = timer;
  }

  #sink(start: number): void {
    const timers = this.#timers;
    const timer = timers[start] as Timer;
    let place = start;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= timers.length) break;
      if (below + 1 < timers.length && isEarlier(timers[below + 1] as Timer, timers[below] as Timer)) below++;
      const child = timers[below] as Timer;
      if (!isEarlier(child, timer)) break;
      timers[place] = child;
      place = below;
    }
    timers[place] = timer;
  }
}

function isEarlier(one: Timer, other: Timer): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
