import { UniqueQueue } from "./unique-queue.ts";

/** Runs at most `max` operations at once; the others wait in order. */
export class Semaphore {
  readonly #max: number;
  readonly #waiting = new UniqueQueue<() => void>();
  #running = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Operations that run and that wait. */
  get size(): number {
    return this.#running + this.#waiting.size;
  }

  async run<T>(run: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#max) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    else this.#running++;
    try {
      return await run();
    } finally {
      // The next one that waits takes over the permit.
      const [next] = this.#waiting.take(1);
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
