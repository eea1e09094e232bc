import type { Transition } from "../../domain/transition.ts";
import type { LogListener } from "../store.ts";

/**
 * The last transitions of a shard, oldest first, in a ring that overwrites the oldest when it is full.
 */
export class TransitionRing {
  readonly #maxEntries: number;
  readonly #entries: (Transition | undefined)[] = [];
  readonly #listeners = new Set<LogListener>();
  /** Place of the oldest entry. */
  #first = 0;
  #length = 0;
  #lastVersion = 0;
  /** Version of the newest entry that is gone; 0 if none is. */
  #goneVersion = 0;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get length(): number {
    return this.#length;
  }

  /** Of the last entry ever appended, also when it is gone; 0 if there never was one. */
  get lastVersion(): number {
    return this.#lastVersion;
  }

  append(transition: Transition): void {
    if (this.#length === this.#maxEntries) this.#dropOldest();
    this.#entries[(this.#first + this.#length) % this.#maxEntries] = transition;
    this.#length += 1;
    this.#lastVersion = transition.version;
    this.#announce((listener) => listener.entry(transition));
  }

  /** What concerns no entry. */
  devicesChanged(userId: string): void {
    this.#announce((listener) => listener.devicesChanged?.(userId));
  }

  /** @returns `gap`: some of what came after the position is gone */
  read(after: number, limit: number): { entries: Transition[]; gap: boolean } {
    const entries: Transition[] = [];
    for (let index = this.#indexAfter(after); index < this.#length && entries.length < limit; index++) {
      entries.push(this.#at(index));
    }
    return { entries, gap: after < this.#goneVersion };
  }

  /** Drops the entries below a version. */
  trim(belowVersion: number): void {
    while (this.#length > 0 && this.#at(0).version < belowVersion) this.#dropOldest();
  }

  follow(listener: LogListener): () => void {
    // Listening starts a microtask later, so that the caller holds its stop function before it is called back.
    let stopped = false;
    queueMicrotask(() => {
      if (stopped) return;
      this.#listeners.add(listener);
      listener.interrupted();
    });
    return () => {
      stopped = true;
      this.#listeners.delete(listener);
    };
  }

  /** Microtasks keep the order, whatever a listener does when it is called. */
  #announce(tell: (listener: LogListener) => void): void {
    for (const listener of this.#listeners) {
      queueMicrotask(() => {
        if (this.#listeners.has(listener)) tell(listener);
      });
    }
  }

  #at(index: number): Transition {
    return this.#entries[(this.#first + index) % this.#maxEntries] as Transition;
  }

  /** Binary search: index of the first entry above a version. */
  #indexAfter(version: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle).version <= version) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #dropOldest(): void {
    this.#goneVersion = this.#at(0).version;
    this.#entries[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#maxEntries;
    this.#length -= 1;
  }
}
