/** Lets so many in at once; the others wait in order. */
export class Gate {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Those inside and those who wait. */
  get size(): number {
    return this.#inside + this.#waiting.length;
  }

  async pass<T>(run: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#max) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#inside++;
    try {
      return await run();
    } finally {
      // Whoever comes next takes over the place that is left.
      const next = this.#waiting.shift();
      if (next === undefined) this.#inside--;
      else next();
    }
  }
}
