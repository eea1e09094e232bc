import { createAPI, ProduceAcks, produceV7, Writer } from "@platformatic/kafka";

/** A partition, and what goes there; see encodeBatch. */
export type PartitionBatch = readonly [partition: number, batch: Buffer];

/** To one broker. */
interface ProduceRequest {
  readonly topic: string;
  /** For how long the leader waits for its replicas. */
  readonly timeoutMs: number;
  readonly batches: readonly PartitionBatch[];
}

/**
 * Produce, version 7: Kafka 2.1 and newer. The client's own encodes a buffer for each field of each record and joins them
 * at the end; this one takes batches as they are. Resolves when all replicas in sync have them.
 * Source: kafka.apache.org/protocol#The_Messages_Produce
 */
export const produceApi = createAPI<[ProduceRequest], unknown>(
  0,
  7,
  createRequest,
  produceV7.parseResponse,
  false,
  false,
);

function createRequest({ topic, timeoutMs, batches }: ProduceRequest): Writer {
  const writer = Writer.create()
    // Of no transaction.
    .appendString(null, false)
    .appendInt16(ProduceAcks.ALL)
    .appendInt32(timeoutMs)
    // Topics.
    .appendInt32(1)
    .appendString(topic, false)
    .appendInt32(batches.length);
  for (const [partition, batch] of batches) writer.appendInt32(partition).appendInt32(batch.length).append(batch);
  return writer;
}
