import type { AbortedTransaction, FetchedPartition } from "./fetch-api.ts";
import {
  batchesIn,
  isCommit,
  isControl,
  isTransactional,
  type RecordBatch,
  recordsIn,
  unpack,
} from "./record-batch.ts";
import type { FetchedRecords, TopicRecord, UnreadableBatch } from "./topic-source.ts";

/** What one batch of records may become when it is decompressed: sixteen times what brokers take by default. */
const batchMaxBytes = 16 * 1024 * 1024;

/** What may be made of one answer of a broker; the rest of it is asked for again. */
export class FetchBudget {
  bytes = 2 * batchMaxBytes;
  records = 50_000;

  get isUsedUp(): boolean {
    return this.bytes <= 0 || this.records <= 0;
  }
}

/** The records of a partition whose transactions were committed, or that are in none, from `position` on. */
export function readCommitted(fetched: FetchedPartition, position: bigint, budget: FetchBudget): FetchedRecords {
  const isAborted = abortedAmong(fetched.aborted);
  const reading = new Reading(position, budget);
  for (const batch of batchesIn(fetched.batches)) {
    const isLeftOut = isAborted(batch);
    if (!reading.take(batch, isLeftOut)) break;
  }
  const { next } = reading;
  const { partition, highWatermark, lastStableOffset } = fetched;
  const isHeld = lastStableOffset < highWatermark && next >= lastStableOffset;
  return { partition, records: reading.records, unreadable: reading.unreadable, next, highWatermark, isHeld };
}

/**
 * Says of batches, in their order, whether their transaction was aborted. The list has the offset at which each began; it
 * ends with its mark. Source: kafka.apache.org/documentation/#usingtransactions
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

/** What transactions hold until their ends are read, at most. */
const heldMaxRecords = 20_000;
const heldMaxBytes = 16 * 1024 * 1024;

/**
 * Reads on in a partition behind a transaction that is open: what others have written there is not its business. What is
 * in a transaction waits for the mark of its end.
 */
export class LookAhead {
  /** Where to read on. */
  next: bigint;
  /** By producer. */
  readonly #open = new Map<bigint, readonly TopicRecord[]>();
  #heldRecords = 0;
  #heldBytes = 0;

  constructor(next: bigint) {
    this.next = next;
  }

  /** @returns records that count, whatever becomes of the transaction that is open; in no order */
  read({ batches }: FetchedPartition, budget: FetchBudget): readonly TopicRecord[] {
    const decided: TopicRecord[] = [];
    for (const batch of batchesIn(batches)) {
      const reading = new Reading(this.next, budget);
      const isWhole = reading.take(batch, isControl(batch));
      this.next = reading.next;
      // One at a time: a spread of all could be more than arguments may be.
      for (const record of isTransactional(batch) ? this.#decide(batch, reading.records) : reading.records) {
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
    // More than that is read when all transactions have ended.
    if (this.#heldRecords >= heldMaxRecords || this.#heldBytes >= heldMaxBytes) return [];
    // A copy: a value is a part of its whole batch, which need not wait.
    const held = records.map(({ offset, timestampMs, value }) => ({ offset, timestampMs, value: Buffer.from(value) }));
    this.#open.set(producerId, known.concat(held));
    this.#count(held, 1);
    return [];
  }

  #count(records: readonly TopicRecord[], sign: 1 | -1): void {
    this.#heldRecords += sign * records.length;
    this.#heldBytes += sign * records.reduce((sum, { value }) => sum + value.length, 0);
  }
}

/** Takes batch after batch, as far as the budget goes. */
class Reading {
  readonly records: TopicRecord[] = [];
  readonly unreadable: UnreadableBatch[] = [];
  next: bigint;
  readonly #position: bigint;
  readonly #budget: FetchBudget;

  constructor(position: bigint, budget: FetchBudget) {
    this.next = position;
    this.#position = position;
    this.#budget = budget;
  }

  /** @returns whether it is done with the whole batch */
  take(batch: RecordBatch, isLeftOut: boolean): boolean {
    // The broker sends whole batches, from the one that holds the position.
    if (batch.lastOffset < this.next) return true;
    if (!isLeftOut) {
      if (this.#budget.isUsedUp) return false;
      const unpacked = unpack(batch, batchMaxBytes);
      this.#budget.bytes -= unpacked.kind === "content" ? unpacked.content.length : batchMaxBytes;
      if (unpacked.kind === "unreadable") this.#passOver(batch, unpacked.why);
      else if (!this.#takeRecords(batch, unpacked.content)) return false;
    }
    this.next = batch.lastOffset + 1n;
    return true;
  }

  #takeRecords(batch: RecordBatch, content: Buffer): boolean {
    const taken: TopicRecord[] = [];
    try {
      for (const record of recordsIn(batch, content)) {
        const { offset } = record;
        if (offset < this.#position) continue;
        if (this.#budget.records <= 0) {
          this.#keep(taken, offset);
          return false;
        }
        this.#budget.records -= 1;
        taken.push(record);
      }
      this.#keep(taken, batch.lastOffset + 1n);
    } catch (error) {
      this.#passOver(batch, `is no batch of records: ${(error as Error).message}`);
    }
    return true;
  }

  #keep(records: readonly TopicRecord[], next: bigint): void {
    for (const record of records) this.records.push(record);
    this.next = next;
  }

  #passOver({ firstOffset, lastOffset }: RecordBatch, why: string): void {
    const offset = firstOffset < this.#position ? this.#position : firstOffset;
    this.unreadable.push({ offset, records: Number(lastOffset - offset) + 1, why });
  }
}
