/** Keys remembered, so that each is reported once. */
const keysMax = 1_000;

/** Keys of the directory that hold a value that it did not write. Each is reported once. */
export class UnreadableKeys {
  readonly #onFirst: (key: string) => void;
  readonly #reported = new Set<string>();
  #count = 0;

  constructor(onFirst: (key: string) => void) {
    this.#onFirst = onFirst;
  }

  /** Times that something unreadable was found. */
  get count(): number {
    return this.#count;
  }

  add(keys: readonly string[]): void {
    this.#count += keys.length;
    for (const key of keys) {
      if (this.#reported.has(key) || this.#reported.size >= keysMax) continue;
      this.#reported.add(key);
      this.#onFirst(key);
    }
  }
}
