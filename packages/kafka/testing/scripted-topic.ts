import { type Clock, pause } from "@realchat/presence-runtime/clock";
import type {
  FetchedRecords,
  TopicReader,
  TopicRecord,
  TopicSource,
  UnreadableBatch,
} from "../consumer/topic-source.ts";
import { KafkaError } from "../kafka-error.ts";

const fetchWaitMs = 500;

/** Left out: it was aborted, or cannot be read. */
type ScriptedRecord = TopicRecord & { readonly isLeftOut?: boolean };

/** A topic in memory, one leader for all its partitions. */
export class ScriptedTopic implements TopicSource {
  topicId = "first-life";
  exists = true;
  /** The next fetch or opening fails with it. */
  failure: Error | undefined;
  /** How many were opened. */
  readers = 0;
  readonly #clock: Clock;
  #logs: ScriptedRecord[][];
  #firsts: bigint[];
  /** By partition: the offset where a transaction is open, and offsets that belong to it. */
  readonly #open = new Map<number, { readonly from: bigint; readonly offsets: Set<bigint> }>();
  readonly #unreadable = new Map<number, UnreadableBatch>();
  #wake = Promise.withResolvers<void>();

  constructor(partitions: number, clock: Clock) {
    this.#clock = clock;
    this.#logs = Array.from({ length: partitions }, () => []);
    this.#firsts = this.#logs.map(() => 0n);
  }

  /** @param timestampMs default: without */
  write(partition: number, value: Uint8Array | string, timestampMs = -1): void {
    this.#append(partition, { timestampMs, value: Buffer.from(value) });
  }

  /** @param value undefined: a tombstone */
  writeKeyed(partition: number, key: string, value: string | undefined, timestampMs = -1): void {
    const isTombstone = value === undefined;
    this.#append(partition, { timestampMs, key: Buffer.from(key), value: Buffer.from(value ?? ""), isTombstone });
  }

  /** Begins a transaction with a record in it: nothing from there on is committed. */
  writeInTransaction(partition: number, value: Uint8Array | string, timestampMs = -1): void {
    const offset = this.#nextOf(partition);
    const open = this.#open.get(partition) ?? { from: offset, offsets: new Set() };
    open.offsets.add(offset);
    this.#open.set(partition, open);
    this.write(partition, value, timestampMs);
  }

  endTransaction(partition: number, end: "commit" | "abort"): void {
    const { offsets = new Set() } = this.#open.get(partition) ?? {};
    if (end === "abort") {
      this.#logs[partition] = (this.#logs[partition] ?? []).map((record) =>
        offsets.has(record.offset) ? { ...record, isLeftOut: true } : record,
      );
    }
    this.#open.delete(partition);
    this.#wakeUp();
  }

  /** The next record cannot be read. */
  writeUnreadable(partition: number, why: string): void {
    const offset = this.#nextOf(partition);
    this.#unreadable.set(partition, { offset, records: 1, why });
    (this.#logs[partition] as ScriptedRecord[]).push({
      offset,
      timestampMs: -1,
      value: new Uint8Array(),
      isLeftOut: true,
    });
    this.#wakeUp();
  }

  /** Retention: deletes the first records of a partition. */
  forget(partition: number, count: number): void {
    this.#logs[partition]?.splice(0, count);
    this.#firsts[partition] = (this.#firsts[partition] as bigint) + BigInt(count);
  }

  /** Deletes the topic and creates it anew, empty. */
  remake(): void {
    this.topicId = `${this.topicId}, recreated`;
    this.#logs = this.#logs.map(() => []);
    this.#firsts = this.#logs.map(() => 0n);
    this.#wakeUp();
  }

  /** Adds partitions. */
  grow(partitions: number): void {
    for (let partition = this.#logs.length; partition < partitions; partition++) {
      this.#logs.push([]);
      this.#firsts.push(0n);
    }
    this.#wakeUp();
  }

  async open(_: number, stop: AbortSignal): Promise<TopicReader> {
    this.#fail();
    if (!this.exists) throw new KafkaError("NOT_FOUND", "there is no such topic");
    this.readers += 1;
    const { topicId } = this;
    const partitions = this.#logs.length;
    const closed = new AbortController();
    stop.addEventListener("abort", () => closed.abort());
    return {
      topicId,
      partitions,
      leaders: [1],
      bounds: async () =>
        this.#firsts.map((first, partition) => ({
          partition,
          start: first,
          highWatermark: this.#nextOf(partition),
        })),
      fetch: async (_, positions) => {
        const isAtEnd = [...positions].every(([partition, position]) => this.#stableEnd(partition) <= position);
        if (isAtEnd) await Promise.race([this.#wake.promise, pause(this.#clock, fetchWaitMs, closed.signal)]);
        this.#fail();
        if (closed.signal.aborted) throw new KafkaError("UNAVAILABLE", "closed");
        if (topicId !== this.topicId) throw new KafkaError("UNAVAILABLE", "this topic was deleted");
        return [...positions].map(([partition, position]) => this.#fetch(partition, position));
      },
      lookAhead: async (_, positions) =>
        [...positions].map(([partition, position]) => {
          const { offsets = new Set<bigint>() } = this.#open.get(partition) ?? {};
          const records = this.#recordsFrom(partition, position).filter(({ offset }) => !offsets.has(offset));
          return { partition, records, next: this.#nextOf(partition) };
        }),
      isOutdated: async () => topicId !== this.topicId || partitions !== this.#logs.length,
      close: () => closed.abort(),
    };
  }

  #append(partition: number, record: Omit<ScriptedRecord, "offset">): void {
    (this.#logs[partition] as ScriptedRecord[]).push({ offset: this.#nextOf(partition), ...record });
    this.#wakeUp();
  }

  #fetch(partition: number, position: bigint): FetchedRecords {
    const end = this.#stableEnd(partition);
    const highWatermark = this.#nextOf(partition);
    const records = this.#recordsFrom(partition, position).filter(({ offset }) => offset < end);
    const bad = this.#unreadable.get(partition);
    const unreadable = bad !== undefined && bad.offset >= position && bad.offset < end ? [bad] : [];
    const next = position > end ? position : end;
    return { partition, records, unreadable, next, highWatermark, isHeld: end < highWatermark };
  }

  #recordsFrom(partition: number, position: bigint): ScriptedRecord[] {
    return (this.#logs[partition] ?? []).filter(({ offset, isLeftOut }) => offset >= position && !isLeftOut);
  }

  #nextOf(partition: number): bigint {
    return (this.#firsts[partition] as bigint) + BigInt(this.#logs[partition]?.length ?? 0);
  }

  /** Last stable offset: before it, all transactions have ended. */
  #stableEnd(partition: number): bigint {
    return this.#open.get(partition)?.from ?? this.#nextOf(partition);
  }

  #fail(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }

  #wakeUp(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}
