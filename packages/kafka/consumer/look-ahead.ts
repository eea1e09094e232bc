import { BatchReader } from "./batch-reader.ts";
import type { FetchedPartition } from "./fetch-api.ts";
import type { FetchBudget } from "./fetch-budget.ts";
import { batchesIn, isCommit, isControl, isTransactional, type RecordBatch } from "./record-batch.ts";
import type { TopicRecord } from "./topic-source.ts";

/** Most of open transactions that is kept until their ends are read. */
const heldMaxRecords = 20_000;
const heldMaxBytes = 16 * 1024 * 1024;

/**
 * Reads on in a partition beyond its last stable offset. Records of other producers there do not depend on the transaction
 * that is open. Records in a transaction wait for the control batch that ends it.
 */
export class LookAhead {
  /** Where to read on. */
  next: bigint;
  /** Records of open transactions, by producer. */
  readonly #open = new Map<bigint, readonly TopicRecord[]>();
  #heldRecords = 0;
  #heldBytes = 0;

  constructor(next: bigint) {
    this.next = next;
  }

  /** @returns records that count whether the open transaction is committed or aborted; in no order */
  read({ batches }: FetchedPartition, budget: FetchBudget): readonly TopicRecord[] {
    const decided: TopicRecord[] = [];
    for (const batch of batchesIn(batches)) {
      const reader = new BatchReader(this.next, budget);
      const isWhole = reader.read(batch, isControl(batch));
      this.next = reader.next;
      // One at a time: a spread of all could be more than arguments may be.
      for (const record of isTransactional(batch) ? this.#decide(batch, reader.records) : reader.records) {
        decided.push(record);
      }
      if (!isWhole) break;
    }
    return decided;
  }

  #decide(batch: RecordBatch, records: readonly TopicRecord[]): readonly TopicRecord[] {
    const { producerId } = batch;
    const known = this.#open.get(producerId) ?? [];
    if (isControl(batch)) {
      this.#open.delete(producerId);
      this.#count(known, -1);
      return isCommit(batch) ? known : [];
    }
    // What is beyond the limit is read when all transactions have ended.
    if (this.#heldRecords >= heldMaxRecords || this.#heldBytes >= heldMaxBytes) return [];
    // A copy: a value is a view of its whole batch, which need not stay in memory.
    const held = records.map(({ headers: _, key, value, ...record }) => ({
      ...record,
      ...{ key: key && Buffer.from(key), value: Buffer.from(value) },
    }));
    this.#open.set(producerId, known.concat(held));
    this.#count(held, 1);
    return [];
  }

  #count(records: readonly TopicRecord[], sign: 1 | -1): void {
    this.#heldRecords += sign * records.length;
    this.#heldBytes += sign * records.reduce((sum, { value }) => sum + value.length, 0);
  }
}
