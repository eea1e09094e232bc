import { type PublishedEntry, transitionsIn } from "../domain/log-entry.ts";
import type { EventPublisher, PublisherHealth, PublisherMetrics } from "./publisher.ts";
import { newPublisherCounters } from "./publisher-counters.ts";

/** Called with each published entry; must not throw. */
type EntryListener = (entry: PublishedEntry) => void;

/** Publishes to this process alone: keeps the last entries and calls listeners. */
export class MemoryPublisher implements EventPublisher {
  readonly name = "memory";
  readonly #keepMax: number;
  readonly #listeners = new Set<EntryListener>();
  readonly #counters = newPublisherCounters();
  #recent: PublishedEntry[] = [];
  #closed = false;

  /** @param options.keepMax how many of the last entries it keeps, at least 1; default 1,000 */
  constructor(options: { keepMax?: number } = {}) {
    this.#keepMax = options.keepMax ?? 1_000;
  }

  /** The last entries, oldest first. */
  get recent(): readonly PublishedEntry[] {
    return this.#recent;
  }

  /** @returns ends the subscription */
  subscribe(listener: EntryListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async open(): Promise<void> {}

  async publish(entries: readonly PublishedEntry[]): Promise<void> {
    if (this.#closed) {
      this.#counters.failures++;
      throw new Error("the publisher is closed");
    }
    this.#recent = [...this.#recent, ...entries].slice(-this.#keepMax);
    this.#counters.requests++;
    this.#counters.transitions += transitionsIn(entries).length;
    for (const listener of this.#listeners) for (const entry of entries) listener(entry);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
  }

  health(): PublisherHealth {
    return { ready: !this.#closed, detail: this.#closed ? "closed" : "in this process only" };
  }

  metrics(): PublisherMetrics {
    return { ...this.#counters, bounds: { recent: { used: this.#recent.length, limit: this.#keepMax } } };
  }
}
