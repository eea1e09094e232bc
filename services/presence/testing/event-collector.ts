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
  /** Resets, which have no key. */
  readonly resets: (presence.PresenceResetEvent & { readonly partition: number })[] = [];
  readonly #onRecord: (partition: number, value: Uint8Array) => void;
  readonly #consumer: Consumer<Buffer, Buffer, Buffer, Buffer>;

  private constructor(brokers: string, group: string, onRecord: (partition: number, value: Uint8Array) => void) {
    this.#onRecord = onRecord;
    this.#consumer = new Consumer({
      clientId: "event-collector",
      groupId: group,
      bootstrapBrokers: [brokers],
      retries: 60,
      retryDelay: 250,
      autocreateTopics: false,
    });
  }

  /**
   * @param topic exists already
   * @param onRecord hears of all, in the order of arrival
   */
  static async start(
    brokers: string,
    topic: string,
    onRecord: (partition: number, value: Uint8Array) => void = () => {},
  ): Promise<EventCollector> {
    const group = `collector-${Math.floor(systemClock.random() * 2 ** 48)}`;
    const collector = new EventCollector(brokers, group, onRecord);
    const stream = await collector.#consumer.consume({
      topics: [topic],
      mode: MessagesStreamModes.EARLIEST,
      autocommit: false,
      maxWaitTime: 200,
    });
    stream.on("data", ({ key, value, headers, partition, offset }) => {
      collector.#onRecord(partition, value);
      const envelope = events.EventEnvelope.decode(value);
      if (envelope.eventType === events.EventType.EVENT_TYPE_PRESENCE_RESET) {
        collector.resets.push({ ...presence.PresenceResetEvent.decode(envelope.payload), partition });
        return;
      }
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
