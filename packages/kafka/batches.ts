interface BatchLimits {
  readonly maxRecords: number;
  /** Of all records of a batch together; a record that is larger by itself travels alone. Absent: no limit. */
  readonly maxBytes?: number;
}

/**
 * Cuts records, in order, into batches within the limits, which may change between one batch and the next.
 * @param bytesOf size of a record
 */
export function* batchesOf<Item>(
  records: readonly Item[],
  limits: BatchLimits,
  bytesOf: (record: Item) => number = () => 0,
): Generator<Item[]> {
  let batch: Item[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = bytesOf(record);
    const { maxRecords, maxBytes = Number.POSITIVE_INFINITY } = limits;
    if (batch.length > 0 && (batch.length === maxRecords || bytes + size > maxBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(record);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
