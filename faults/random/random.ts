/** Seeded chance: the same seed gives the same numbers, on every machine. */
export class Random {
  #state: number;

  /** @param seed integer from 0 to 2^32 - 1 */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). Source: mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Uniform in [least, most). */
  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws RangeError when there is nothing to choose from */
  oneOf<T>(choices: readonly T[]): T {
    if (choices.length === 0) throw new RangeError("there is nothing to choose from");
    return choices[Math.floor(this.next() * choices.length)] as T;
  }

  /** @param weightOf how often each is chosen, compared with the others */
  weighted<T>(choices: readonly T[], weightOf: (choice: T) => number): T {
    let left = this.next() * choices.reduce((sum, choice) => sum + weightOf(choice), 0);
    for (const choice of choices) {
      left -= weightOf(choice);
      if (left < 0) return choice;
    }
    return this.oneOf(choices);
  }

  /** A generator of its own: what it is asked for does not change what this one gives later. */
  fork(): Random {
    return new Random(Math.floor(this.next() * 2 ** 32));
  }
}
