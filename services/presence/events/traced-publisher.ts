import type { Span, Tracer } from "@realchat/presence-runtime/tracer";
import { isMark, type PublishedEntry } from "../domain/log-entry.ts";
import type { EventPublisher, PublisherHealth, PublisherMetrics } from "./publisher.ts";

/** Traces what goes to a publisher: from a traced transition to the moment when it is accepted. */
export class TracedPublisher implements EventPublisher {
  readonly #publisher: EventPublisher;
  readonly #tracer: Tracer;

  constructor(publisher: EventPublisher, tracer: Tracer) {
    this.#publisher = publisher;
    this.#tracer = tracer;
  }

  get name(): EventPublisher["name"] {
    return this.#publisher.name;
  }

  open(): Promise<void> {
    return this.#publisher.open();
  }

  async publish(entries: readonly PublishedEntry[]): Promise<void> {
    const spans: Span[] = [];
    const traced = entries.map((entry): PublishedEntry => {
      if (isMark(entry) || entry.traceparent === undefined) return entry;
      const span = this.#start(entry.traceparent, entry);
      spans.push(span);
      return { ...entry, traceparent: span.traceparent };
    });
    try {
      await this.#publisher.publish(traced);
      for (const span of spans) span.end();
    } catch (error) {
      for (const span of spans) span.end(String(error));
      throw error;
    }
  }

  close(graceMs: number): Promise<void> {
    return this.#publisher.close(graceMs);
  }

  health(): PublisherHealth {
    return this.#publisher.health();
  }

  metrics(): PublisherMetrics {
    return this.#publisher.metrics();
  }

  #start(parent: string, { version, shard }: PublishedEntry): Span {
    return this.#tracer.start(`publish to ${this.name}`, {
      ...{ kind: "producer", parent, startUs: version },
      attributes: { "messaging.system": this.name, "presence.version": String(version), "presence.shard": shard },
    });
  }
}
