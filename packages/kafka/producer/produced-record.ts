export interface ProducedRecord {
  /** Decides on the partition: records with one key are in one partition, in order. */
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: Map<Buffer, Buffer>;
  /** Of key, value and headers, bytes. */
  readonly size: number;
}
