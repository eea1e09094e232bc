import { type PublishedEntry, transitionsIn } from "../domain/log-entry.ts";
import type { Transition } from "../domain/transition.ts";
import type { EventPublisher, PublisherHealth, PublisherMetrics } from "./publisher.ts";
import { newPublisherCounters } from "./publisher-counters.ts";

/** Called with each published transition; must not throw. */
type TransitionListener = (transition: Transition) => void;

/** Publishes to this process alone: keeps the last transitions and calls listeners. */
export class MemoryPublisher implements EventPublisher {
  readonly name = "memory";
  readonly #keepMax: number;
  readonly #listeners = new Set<TransitionListener>();
  readonly #counters = newPublisherCounters();
  #recent: Transition[] = [];
  #closed = false;

  /** @param options.keepMax how many of the last transitions it keeps, at least 1; default 1,000 */
  constructor(options: { keepMax?: number } = {}) {
    this.#keepMax = options.keepMax ?? 1_000;
  }

  /** The last transitions, oldest first. */
  get recent(): readonly Transition[] {
    return this.#recent;
  }

  /** @returns ends the subscription */
  subscribe(listener: TransitionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async open(): Promise<void> {}

  async publish(entries: readonly PublishedEntry[]): Promise<void> {
    if (this.#closed) {
      this.#counters.failures++;
      throw new Error("the publisher is closed");
    }
    const transitions = transitionsIn(entries);
    this.#recent = [...this.#recent, ...transitions].slice(-this.#keepMax);
    this.#counters.requests++;
    this.#counters.transitions += transitions.length;
    for (const listener of this.#listeners) transitions.forEach(listener);
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
