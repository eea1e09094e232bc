import type { KafkaRecord } from "./record.ts";

interface BatchLimits {
  readonly maxRecords: number;
  /** Sum of the records' sizes, bytes; a record that is larger by itself travels alone. */
  readonly maxBytes: number;
}

/** Cuts the records, in order, into batches within the limits, which may change between one batch and the next. */
export function* batchesOf(records: readonly KafkaRecord[], limits: BatchLimits): Generator<KafkaRecord[]> {
  let batch: KafkaRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    if (batch.length > 0 && (batch.length === limits.maxRecords || bytes + record.size > limits.maxBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(record);
    bytes += record.size;
  }
  if (batch.length > 0) yield batch;
}
