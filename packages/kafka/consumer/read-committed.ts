import { BatchReader } from "./batch-reader.ts";
import type { AbortedTransaction, FetchedPartition } from "./fetch-api.ts";
import type { FetchBudget } from "./fetch-budget.ts";
import { batchesIn, isControl, isTransactional, type RecordBatch } from "./record-batch.ts";
import type { FetchedRecords } from "./topic-source.ts";

/** Records of a partition from `position` on, those in committed transactions and in none: isolation read_committed. */
export function readCommitted(fetched: FetchedPartition, position: bigint, budget: FetchBudget): FetchedRecords {
  const isAborted = abortedAmong(fetched.aborted);
  const reader = new BatchReader(position, budget);
  for (const batch of batchesIn(fetched.batches)) {
    const isSkipped = isAborted(batch);
    if (!reader.read(batch, isSkipped)) break;
  }
  const { next } = reader;
  const { partition, highWatermark, lastStableOffset } = fetched;
  const isHeld = lastStableOffset < highWatermark && next >= lastStableOffset;
  return { partition, records: reader.records, unreadable: reader.unreadable, next, highWatermark, isHeld };
}

/**
 * Says of batches, in their order, whether their transaction was aborted. The list has the offset at which each
 * transaction began; it ends with its control batch. Source: kafka.apache.org/documentation/#usingtransactions
 */
function abortedAmong(aborted: readonly AbortedTransaction[]): (batch: RecordBatch) => boolean {
  const waiting = aborted.toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const open = new Set<bigint>();
  return (batch) => {
    while (waiting[0] !== undefined && waiting[0].firstOffset <= batch.lastOffset) {
      open.add((waiting.shift() as AbortedTransaction).producerId);
    }
    if (isControl(batch)) {
      open.delete(batch.producerId);
      return true;
    }
    return isTransactional(batch) && open.has(batch.producerId);
  };
}
