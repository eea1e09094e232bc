import { type Clock, withDeadline } from "@realchat/presence-runtime";
import { type PublishedEntry, transitionsIn } from "../domain/log-entry.ts";
import type { Transition } from "../domain/transition.ts";
import { encodeUpdate } from "./codec.ts";
import type { EventPublisher, PublisherHealth, PublisherMetrics } from "./publisher.ts";
import { newPublisherCounters } from "./publisher-counters.ts";

/** Where today's Delivery listens. */
const presenceUpdatesChannel = "presence:updates";

/** Commands on their way to Redis at once: enough to hide the round trip, few enough for its bounded queue. */
const pipelineMax = 100;

/**
 * Sends a message to everyone who listens on a Redis channel. Calls reach Redis in the order they were made.
 * Source: https://redis.io/docs/latest/commands/publish/
 */
export type PublishToChannel = (channel: string, message: Uint8Array) => Promise<void>;

/**
 * Publishes bare PresenceUpdateEvents on a Redis channel, for a Delivery that does not read Kafka. Accepted means that
 * Redis passed it on: who is not listening at that moment misses it, as such a Delivery always did. Such a message has
 * no way to say that a shard was reset; docs/contract.md says what its readers do instead.
 */
export class RedisPubSubPublisher implements EventPublisher {
  readonly name = "redis-pubsub";
  readonly #channel: string;
  readonly #publishToChannel: PublishToChannel;
  readonly #clock: Clock;
  readonly #counters = newPublisherCounters();
  #underWay: Promise<void> = Promise.resolve();
  #inFlight = 0;
  #closed = false;
  #failure = "";

  /** @param options.keyPrefix in front of the channel's name; default: nothing */
  constructor(options: { publishToChannel: PublishToChannel; keyPrefix?: string; clock: Clock }) {
    this.#channel = `${options.keyPrefix ?? ""}${presenceUpdatesChannel}`;
    this.#publishToChannel = options.publishToChannel;
    this.#clock = options.clock;
  }

  async open(): Promise<void> {}

  publish(entries: readonly PublishedEntry[]): Promise<void> {
    // Readers of bare updates would take a changed status for coming or going.
    const publishing = this.#publish(transitionsIn(entries).filter(({ cause }) => cause !== "STATUS"));
    this.#underWay = publishing.catch(() => {});
    return publishing;
  }

  async close(graceMs: number): Promise<void> {
    await withDeadline(this.#clock, graceMs, this.#underWay, () => new Error("grace is over")).catch(() => {});
    this.#closed = true;
  }

  health(): PublisherHealth {
    if (this.#closed) return { ready: false, detail: "closed" };
    if (this.#failure !== "") return { ready: false, detail: `the last publish failed: ${this.#failure}` };
    return { ready: true, detail: `channel ${this.#channel}` };
  }

  metrics(): PublisherMetrics {
    return { ...this.#counters, bounds: { pipeline: { used: this.#inFlight, limit: pipelineMax } } };
  }

  async #publish(transitions: readonly Transition[]): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    try {
      for (let start = 0; start < transitions.length; start += pipelineMax) {
        await this.#publishTogether(transitions.slice(start, start + pipelineMax));
      }
      this.#failure = "";
      this.#counters.totalMs += this.#clock.monotonicMs() - startedMs;
    } catch (error) {
      this.#counters.failures++;
      this.#failure = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  async #publishTogether(transitions: readonly Transition[]): Promise<void> {
    if (this.#closed) throw new Error("the publisher is closed");
    const messages = transitions.map(encodeUpdate);
    this.#inFlight = messages.length;
    // All settle before the first failure is told: a repetition must not overtake what is still on its way.
    const outcomes = await Promise.allSettled(
      messages.map((message) => this.#publishToChannel(this.#channel, message)),
    );
    this.#inFlight = 0;
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    this.#counters.requests += messages.length;
    this.#counters.transitions += messages.length;
    for (const message of messages) this.#counters.bytes += message.length;
  }
}
