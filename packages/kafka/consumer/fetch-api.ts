import { createAPI, fetchV13, type Reader, ResponseError, readKnownTaggedFields } from "@platformatic/kafka";

/** What a broker answered of one partition. */
export interface FetchedPartition {
  readonly partition: number;
  /** The offset that the next record will have. */
  readonly highWatermark: bigint;
  /** Last stable offset: before it, all transactions have ended. A read_committed fetch gets nothing beyond it. */
  readonly lastStableOffset: bigint;
  /** Aborted transactions among the records; only in answers to read_committed fetches. */
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches; the last one may be cut off. */
  readonly batches: Buffer;
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/**
 * Fetch, version 13: Kafka 3.1 and newer. The client's own decompresses everything that it gets, without a limit; this
 * one leaves the batches compressed. Source: kafka.apache.org/protocol#The_Messages_Fetch
 */
export const fetchApi = createAPI<Parameters<typeof fetchV13.createRequest>, readonly FetchedPartition[]>(
  1,
  13,
  fetchV13.createRequest,
  parseResponse,
);

function parseResponse(_: number, apiKey: number, apiVersion: number, reader: Reader): readonly FetchedPartition[] {
  const errors: Record<string, [number, null]> = {};
  // Throttle time.
  reader.readInt32();
  const errorCode = reader.readInt16();
  if (errorCode !== 0) errors[""] = [errorCode, null];
  // Session id.
  reader.readInt32();
  const topics = reader.readArray((topic) => {
    topic.readUUID();
    return topic.readArray(
      (entry, index) => {
        const partition = entry.readInt32();
        const partitionError = entry.readInt16();
        if (partitionError !== 0) errors[`/partitions/${index}`] = [partitionError, null];
        return { partition, ...readPartition(entry) };
      },
      true,
      false,
    );
  });
  readKnownTaggedFields(reader, {});
  if (Object.keys(errors).length > 0) throw new ResponseError(apiKey, apiVersion, errors, {});
  return topics.flat();
}

function readPartition(reader: Reader): Omit<FetchedPartition, "partition"> {
  const highWatermark = reader.readInt64();
  const lastStableOffset = reader.readInt64();
  // Log start offset.
  reader.readInt64();
  const aborted = reader.readNullableArray((entry) => ({
    producerId: entry.readInt64(),
    firstOffset: entry.readInt64(),
  }));
  // Preferred read replica.
  reader.readInt32();
  // A compact length is one more than the length; 0 is null.
  const bytes = Math.max(reader.readUnsignedVarInt() - 1, 0);
  const batches = reader.buffer.slice(reader.position, reader.position + bytes);
  reader.skip(bytes);
  readKnownTaggedFields(reader, {});
  return { highWatermark, lastStableOffset, aborted: aborted ?? [], batches };
}
