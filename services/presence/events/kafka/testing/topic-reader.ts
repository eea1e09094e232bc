import { randomUUID } from "node:crypto";
import { Consumer, MessagesStreamModes } from "@platformatic/kafka";
import { events, presence } from "@realchat/presence-proto";
import { waitUntil } from "@realchat/presence-testing";

/** A record as a test's consumer got it, taken apart. */
export interface ReceivedRecord {
  /** Absent of a reset. */
  readonly key: string | undefined;
  readonly partition: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly envelope: events.EventEnvelope;
  readonly update: presence.PresenceUpdateEvent;
  readonly reset: presence.PresenceResetEvent | undefined;
}

/** For tests: all that a topic holds now; the records of one partition in the order they have there. */
export async function readTopic(brokers: string, topic: string): Promise<ReceivedRecord[]> {
  const consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({
    clientId: "test-reader",
    groupId: randomUUID(),
    bootstrapBrokers: [brokers],
    maxWaitTime: 100,
    retryDelay: 50,
    retries: 100,
  });
  try {
    const ends = (await consumer.listOffsets({ topics: [topic] })).get(topic) ?? [];
    const stream = await consumer.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST });
    const records: ReceivedRecord[] = [];
    const positions = ends.map(() => 0n);
    stream.on("data", ({ key, value, partition, headers, offset }) => {
      records.push(receivedRecord(key, value, partition, headers));
      positions[partition] = offset + 1n;
    });
    await waitUntil(() => ends.every((end, partition) => (positions[partition] ?? 0n) >= end), {
      what: `all of topic ${topic} is read`,
    });
    return records;
  } finally {
    await consumer.close(true);
  }
}

function receivedRecord(
  key: Buffer | undefined,
  value: Buffer,
  partition: number,
  headers: Map<Buffer, Buffer>,
): ReceivedRecord {
  const envelope = events.EventEnvelope.decode(value);
  const isReset = envelope.eventType === events.EventType.EVENT_TYPE_PRESENCE_RESET;
  return {
    key: key?.toString(),
    partition,
    headers: Object.fromEntries([...headers].map(([name, text]) => [name.toString(), text.toString()])),
    envelope,
    // Of a reset, which is another message, nothing of it holds.
    update: isReset ? presence.PresenceUpdateEvent.create() : presence.PresenceUpdateEvent.decode(envelope.payload),
    reset: isReset ? presence.PresenceResetEvent.decode(envelope.payload) : undefined,
  };
}
