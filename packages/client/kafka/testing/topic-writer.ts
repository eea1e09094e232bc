import type { TestContext } from "node:test";
import { Admin, ProduceAcks, Producer } from "@platformatic/kafka";
import { EventEnvelope, EventType } from "@realchat/presence-proto/events";
import { PresenceResetEvent, PresenceStatus, PresenceUpdateEvent } from "@realchat/presence-proto/presence";
import { createTopics, deleteTopic } from "@realchat/presence-testing";

interface WrittenUpdate {
  readonly userId: string;
  readonly online: boolean;
  readonly version: number;
  readonly cause?: PresenceUpdateEvent["cause"];
  readonly shard?: number;
}

/** A topic of a test's own, and what the publisher of presence would write to it. */
export class TopicWriter {
  readonly #brokers: string;
  readonly #topic: string;
  readonly #producer: Producer<Buffer, Buffer, Buffer, Buffer>;

  constructor(brokers: string, topic: string, producer: Producer<Buffer, Buffer, Buffer, Buffer>) {
    this.#brokers = brokers;
    this.#topic = topic;
    this.#producer = producer;
  }

  /** Creates the topic, and waits until its partitions have leaders. */
  static async start(t: TestContext, brokers: string, topic: string, partitions: number): Promise<TopicWriter> {
    await createTopics(brokers, [topic], { partitions });
    return TopicWriter.open(t, brokers, topic);
  }

  /** Writes to a topic that is there. */
  static async open(t: TestContext, brokers: string, topic: string): Promise<TopicWriter> {
    const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
      ...{ clientId: "test-writer", bootstrapBrokers: [brokers] },
      ...{ retries: 20, retryDelay: 200, autocreateTopics: false },
    });
    t.after(() => producer.close());
    return new TopicWriter(brokers, topic, producer);
  }

  async write(updates: readonly WrittenUpdate[]): Promise<void> {
    const messages = updates.map(({ userId, online, version, cause = 1, shard = 0 }) => {
      const status = online ? PresenceStatus.PRESENCE_STATUS_ONLINE : PresenceStatus.PRESENCE_STATUS_OFFLINE;
      const update = PresenceUpdateEvent.fromPartial({ userId, status, version, cause, shard });
      const eventType = online ? EventType.EVENT_TYPE_USER_ONLINE : EventType.EVENT_TYPE_USER_OFFLINE;
      const value = envelope(eventType, PresenceUpdateEvent.encode(update).finish());
      return { topic: this.#topic, key: Buffer.from(userId), value };
    });
    await this.#producer.send({ messages, acks: ProduceAcks.ALL });
  }

  async reset(partition: number, shard: number, begin: number): Promise<void> {
    const value = envelope(EventType.EVENT_TYPE_PRESENCE_RESET, PresenceResetEvent.encode({ shard, begin }).finish());
    const messages = [{ topic: this.#topic, partition, key: Buffer.alloc(0), value }];
    await this.#producer.send({ messages, acks: ProduceAcks.ALL });
  }

  /** How many records the topic holds: more than were written when a write whose answer was lost was repeated. */
  async size(partitions: number): Promise<number> {
    const admin = new Admin({ clientId: "test-admin", bootstrapBrokers: [this.#brokers] });
    const ends = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1n }));
    const [topic] = await admin.listOffsets({ topics: [{ name: this.#topic, partitions: ends }] });
    await admin.close();
    return topic?.partitions.reduce((total, { offset }) => total + Number(offset), 0) ?? 0;
  }

  /** Deletes the topic and creates it again. */
  async makeAnew(partitions: number): Promise<void> {
    await deleteTopic(this.#brokers, this.#topic);
    await createTopics(this.#brokers, [this.#topic], { partitions });
    this.#producer.clearMetadata();
  }
}

function envelope(eventType: EventEnvelope["eventType"], payload: Uint8Array): Buffer {
  const message = EventEnvelope.fromPartial({ eventType, schemaVersion: 1, payload: Buffer.from(payload) });
  return Buffer.from(EventEnvelope.encode(message).finish());
}
