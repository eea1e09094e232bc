/** Name and value of each header. */
type Headers = Map<Buffer, Buffer>;

export interface ProducedRecord {
  /** Decides on the partition: records with one key are in one partition, in order. */
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: Headers;
  /** Of key, value and headers, bytes. */
  readonly size: number;
}

/** A record for every partition of the topic, so without a key, which would say that it belongs into one. */
export interface BroadcastRecord {
  readonly value: Buffer;
  readonly headers: Headers;
}
