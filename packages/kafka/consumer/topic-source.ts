/** The port to a topic. Whatever fails rejects with a KafkaError; a reader that failed is thrown away. */
export interface TopicSource {
  /**
   * @param attempt counts attempts in a row: each may ask another broker first
   * @param stop when it aborts, opening fails, or the reader closes
   */
  open(attempt: number, stop: AbortSignal): Promise<TopicReader>;
}

/** Reads a topic from positions that the caller keeps. */
export interface TopicReader {
  /** Other than before: the topic was deleted and created anew, and its offsets mean something else. */
  readonly topicId: string;
  readonly partitions: number;
  /** Brokers that lead partitions; each is fetched from on its own, so that a slow one holds up no other. */
  readonly leaders: readonly number[];
  /** Of each partition, now. */
  bounds(): Promise<readonly LogBounds[]>;
  /** What comes next in the partitions of one leader; waits for it a while. */
  fetch(leader: number, positions: ReadonlyMap<number, bigint>): Promise<readonly FetchedRecords[]>;
  /**
   * Records beyond transactions that are still open, in the partitions of one leader; does not wait. Those records come
   * again, with `fetch`, when the transactions have ended.
   * @param positions of partitions that are held, as `fetch` said them
   */
  lookAhead(leader: number, positions: ReadonlyMap<number, bigint>): Promise<readonly AheadRecords[]>;
  /** Whether leaders or partitions have changed: open a new reader. */
  isOutdated(): Promise<boolean>;
  /** Fetches under way fail. */
  close(): void;
}

/** Which records a partition has. */
export interface LogBounds {
  readonly partition: number;
  /** Log start offset: of its first record. */
  readonly start: bigint;
  /** Of its next record, committed or not. The end of history for who asked now. */
  readonly highWatermark: bigint;
}

export interface FetchedRecords {
  readonly partition: number;
  readonly records: readonly TopicRecord[];
  /** The position after all of them. */
  readonly next: bigint;
  /** Batches among them that were skipped. */
  readonly unreadable: readonly UnreadableBatch[];
  /** The offset that the partition's next record will have. */
  readonly highWatermark: bigint;
  /** Whether what comes next cannot be read, because a transaction is open. */
  readonly isHeld: boolean;
}

/** A batch that cannot be decompressed, or only to more than a process should hold. */
export interface UnreadableBatch {
  readonly offset: bigint;
  /** How many offsets it takes. */
  readonly records: number;
  readonly why: string;
}

export interface AheadRecords {
  readonly partition: number;
  /** In no order. */
  readonly records: readonly TopicRecord[];
  /** The position after everything that was looked at. */
  readonly next: bigint;
}

export interface TopicRecord {
  readonly offset: bigint;
  /** Wall clock of the producer, or of the broker if the topic says so, ms since 1970; -1: none. */
  readonly timestampMs: number;
  readonly value: Uint8Array;
  /** Whether the value is null, which deletes what the key's earlier records said. */
  readonly isTombstone?: boolean;
  readonly key?: Uint8Array | undefined;
  /** See headersIn; absent: they were not kept. */
  readonly headers?: Uint8Array;
}
