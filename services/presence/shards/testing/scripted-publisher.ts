import type { PublishedEntry } from "../../domain/log-entry.ts";
import type { EventPublisher } from "../../events/publisher.ts";
import { newPublisherCounters } from "../../events/publisher-counters.ts";

/** A broker that a test can close, and that remembers all it accepted. */
export class ScriptedPublisher implements EventPublisher {
  accepted: PublishedEntry[] = [];
  refuse = false;
  inFlight = 0;
  mostInFlight = 0;
  readonly name: "kafka" | "redis-pubsub";

  constructor(name: "kafka" | "redis-pubsub" = "kafka") {
    this.name = name;
  }

  async open() {}
  async close() {}
  health = () => ({ ready: !this.refuse, detail: "scripted" });
  metrics = () => ({ ...newPublisherCounters(), bounds: {} });

  async publish(entries: readonly PublishedEntry[]): Promise<void> {
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    await Promise.resolve();
    this.inFlight--;
    if (this.refuse) throw new Error("broker away");
    this.accepted.push(...entries);
  }
}
