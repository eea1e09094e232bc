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

/** Timers, the earliest first: a binary heap. */
export class TimerHeap {
  readonly #timers: Timer[] = [];
  /** When each of them is due, in the same places: most comparisons need no more. */
  readonly #timesMs: number[] = [];

  /** The earliest that was not cancelled. */
  first(): Timer | undefined {
    while (this.#timers[0]?.isCancelled === true) this.removeFirst();
    return this.#timers[0];
  }

  add(timer: Timer): void {
    let place = this.#timers.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!this.#isLater(above, timer)) break;
      this.#put(place, this.#timers[above] as Timer);
      place = above;
    }
    this.#put(place, timer);
  }

  removeFirst(): void {
    const last = this.#timers.pop();
    this.#timesMs.pop();
    if (last !== undefined && this.#timers.length > 0) this.#sink(last);
  }

  /** The first is due later than it was. */
  moveFirst(): void {
    const [first] = this.#timers;
    if (first !== undefined) this.#sink(first);
  }

  /** From the first place, which is free, to where it belongs. */
  #sink(timer: Timer): void {
    const { length } = this.#timers;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= length) break;
      if (below + 1 < length && this.#isLater(below, this.#timers[below + 1] as Timer)) below++;
      if (this.#isLater(below, timer)) break;
      this.#put(place, this.#timers[below] as Timer);
      place = below;
    }
    this.#put(place, timer);
  }

  #put(place: number, timer: Timer): void {
    this.#timers[place] = timer;
    this.#timesMs[place] = timer.atMs;
  }

  #isLater(place: number, { atMs, order }: Timer): boolean {
    const placeMs = this.#timesMs[place] as number;
    return placeMs > atMs || (placeMs === atMs && (this.#timers[place] as Timer).order > order);
  }
}
