/** Keys remembered, so that each is named once. */
const keysMax = 1_000;

/** Keys of the directory that hold something that it did not write. Each is named once, whoever stumbles over it. */
export class UnreadableKeys {
  readonly #onFirst: (key: string) => void;
  readonly #named = new Set<string>();
  #count = 0;

  constructor(onFirst: (key: string) => void) {
    this.#onFirst = onFirst;
  }

  /** Times that something unreadable was found. */
  get count(): number {
    return this.#count;
  }

  found(keys: readonly string[]): void {
    this.#count += keys.length;
    for (const key of keys) {
      if (this.#named.has(key) || this.#named.size >= keysMax) continue;
      this.#named.add(key);
      this.#onFirst(key);
    }
  }
}
