import { batchMaxBytes, type FetchBudget } from "./fetch-budget.ts";
import { type RecordBatch, recordsIn, unpack } from "./record-batch.ts";
import type { TopicRecord, UnreadableBatch } from "./topic-source.ts";

/** Reads batch after batch of one partition, as far as the budget goes. */
export class BatchReader {
  readonly records: TopicRecord[] = [];
  readonly unreadable: UnreadableBatch[] = [];
  /** The position after everything read so far. */
  next: bigint;
  readonly #position: bigint;
  readonly #budget: FetchBudget;

  constructor(position: bigint, budget: FetchBudget) {
    this.next = position;
    this.#position = position;
    this.#budget = budget;
  }

  /**
   * @param isSkipped whether its records do not count: they were aborted, or are markers
   * @returns whether the whole batch is done
   */
  read(batch: RecordBatch, isSkipped: boolean): boolean {
    // The broker sends whole batches, from the one that holds the position.
    if (batch.lastOffset < this.next) return true;
    if (!isSkipped) {
      if (this.#budget.isUsedUp) return false;
      const unpacked = unpack(batch, batchMaxBytes);
      this.#budget.bytes -= unpacked.kind === "content" ? unpacked.content.length : batchMaxBytes;
      if (unpacked.kind === "unreadable") this.#skip(batch, unpacked.why);
      else if (!this.#readRecords(batch, unpacked.content)) return false;
    }
    this.next = batch.lastOffset + 1n;
    return true;
  }

  #readRecords(batch: RecordBatch, content: Buffer): boolean {
    const read: TopicRecord[] = [];
    try {
      for (const record of recordsIn(batch, content)) {
        const { offset } = record;
        if (offset < this.#position) continue;
        if (this.#budget.records <= 0) {
          this.#keep(read, offset);
          return false;
        }
        this.#budget.records -= 1;
        read.push(record);
      }
      this.#keep(read, batch.lastOffset + 1n);
    } catch (error) {
      this.#skip(batch, `is no batch of records: ${(error as Error).message}`);
    }
    return true;
  }

  #keep(records: readonly TopicRecord[], next: bigint): void {
    for (const record of records) this.records.push(record);
    this.next = next;
  }

  #skip({ firstOffset, lastOffset }: RecordBatch, why: string): void {
    const offset = firstOffset < this.#position ? this.#position : firstOffset;
    this.unreadable.push({ offset, records: Number(lastOffset - offset) + 1, why });
  }
}
