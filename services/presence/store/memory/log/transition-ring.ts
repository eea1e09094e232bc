import type { LeaseNotice } from "../../../domain/lease-notice.ts";
import type { LogEntry } from "../../../domain/log-entry.ts";
import type { LogListener } from "../../store.ts";

/**
 * The last entries of a shard, oldest first, in a ring that overwrites the oldest when it is full.
 */
export class TransitionRing {
  readonly #maxEntries: number;
  readonly #entries: (LogEntry | undefined)[] = [];
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

  append(entry: LogEntry): void {
    if (this.#length === this.#maxEntries) this.#dropOldest();
    this.#entries[(this.#first + this.#length) % this.#maxEntries] = entry;
    this.#length += 1;
    this.#lastVersion = entry.version;
    this.#announce((listener) => listener.entry(entry));
  }

  /** What concerns no entry. */
  devicesChanged(userId: string): void {
    this.#announce((listener) => listener.devicesChanged?.(userId));
  }

  /** What concerns one process. */
  leaseNotice(notice: LeaseNotice): void {
    this.#announce((listener) => listener.leaseNotice?.(notice));
  }

  /** @returns `gap`: some of what came after the position is gone */
  read(after: number, limit: number): { entries: LogEntry[]; gap: boolean } {
    const entries: LogEntry[] = [];
    for (let index = this.#indexAfter(after); index < this.#length && entries.length < limit; index++) {
      entries.push(this.#at(index));
    }
    return { entries, gap: after < this.#goneVersion };
  }

  /** Drops the entries below a version, but leaves that many. */
  trim(belowVersion: number, keep = 0): void {
    while (this.#length > keep && this.#at(0).version < belowVersion) this.#dropOldest();
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

  #at(index: number): LogEntry {
    return this.#entries[(this.#first + index) % this.#maxEntries] as LogEntry;
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
