import { WaitingLine } from "./waiting-line.ts";

/** Lets so many in at once; the others wait in order. */
export class Gate {
  readonly #max: number;
  readonly #waiting = new WaitingLine<() => void>();
  #inside = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Those inside and those who wait. */
  get size(): number {
    return this.#inside + this.#waiting.size;
  }

  async pass<T>(run: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#max) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    else this.#inside++;
    try {
      return await run();
    } finally {
      // Whoever comes next takes over the place that is left.
      const [next] = this.#waiting.take(1);
      if (next === undefined) this.#inside--;
      else next();
    }
  }
}
