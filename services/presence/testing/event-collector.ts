import { Consumer, MessagesStreamModes } from "@platformatic/kafka";
import { events, presence } from "@realchat/presence-proto";
import { systemClock } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";

/** A record of the topic, and when this consumer received it. */
export interface CollectedEvent {
  readonly userId: string;
  readonly online: boolean;
  readonly version: number;
  readonly update: presence.PresenceUpdateEvent;
  readonly envelope: events.EventEnvelope;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly partition: number;
  readonly offset: number;
  /** Monotonic ms. */
  readonly arrivedMs: number;
}

/** Reads a topic from its beginning, all partitions, as any consumer of presence would. */
export class EventCollector {
  /** In the order of arrival, which within a partition is that of the log. */
  readonly events: CollectedEvent[] = [];
  readonly #consumer: Consumer<Buffer, Buffer, Buffer, Buffer>;

  private constructor(brokers: string, group: string) {
    this.#consumer = new Consumer({
      clientId: "event-collector",
      groupId: group,
      bootstrapBrokers: [brokers],
      retries: 60,
      retryDelay: 250,
      autocreateTopics: false,
    });
  }

  /** @param topic exists already */
  static async start(brokers: string, topic: string): Promise<EventCollector> {
    const collector = new EventCollector(brokers, `collector-${Math.floor(systemClock.random() * 2 ** 48)}`);
    const stream = await collector.#consumer.consume({
      topics: [topic],
      mode: MessagesStreamModes.EARLIEST,
      autocommit: false,
      maxWaitTime: 200,
    });
    stream.on("data", ({ key, value, headers, partition, offset }) => {
      const envelope = events.EventEnvelope.decode(value);
      const update = presence.PresenceUpdateEvent.decode(envelope.payload);
      collector.events.push({
        userId: update.userId,
        online: envelope.eventType === events.EventType.EVENT_TYPE_USER_ONLINE,
        version: update.version,
        update,
        envelope,
        key: key.toString(),
        headers: Object.fromEntries([...headers].map(([name, text]) => [name.toString(), text.toString()])),
        partition,
        offset: Number(offset),
        arrivedMs: systemClock.monotonicMs(),
      });
    });
    return collector;
  }

  of(userId: string): CollectedEvent[] {
    return this.events.filter((event) => event.userId === userId);
  }

  /** The user's first event with this state. */
  async first(userId: string, status: "online" | "offline"): Promise<CollectedEvent> {
    const find = () => this.events.find((event) => event.userId === userId && event.online === (status === "online"));
    const event = await waitUntil(find, { what: `Kafka says that ${userId} is ${status}` });
    if (event === undefined) throw new Error("waitUntil returns what was found");
    return event;
  }

  close(): Promise<void> {
    return this.#consumer.close(true);
  }
}
