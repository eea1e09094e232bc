/** The port to a topic. Whatever fails is thrown as PresenceClientError; a session that failed is thrown away. */
export interface TopicSource {
  /**
   * @param attempt counts attempts in a row: each may ask another broker first
   * @param closed when it aborts, the session is not needed any more
   */
  open(attempt: number, closed: AbortSignal): Promise<TopicSession>;
}

export interface TopicSession {
  /** Other than before: the topic was deleted and made anew, and its offsets mean something else. */
  readonly topicId: string;
  readonly partitions: number;
  /** Brokers that lead partitions; each is read on its own, so that a slow one does not hold up the others. */
  readonly leaders: readonly number[];
  /** Of each partition, the offset of its first record, and the one that its next record will have, committed or not. */
  bounds(): Promise<readonly Bounds[]>;
  /** What comes next in the partitions of one leader; waits for it a while. */
  fetch(leader: number, positions: ReadonlyMap<number, bigint>): Promise<readonly FetchedRecords[]>;
  /**
   * What others have written behind transactions that are still open, in the partitions of one leader; does not wait.
   * Those records come again, with `fetch`, when the transactions have ended.
   * @param positions of partitions that are held, as `fetch` said them
   */
  lookAhead(leader: number, positions: ReadonlyMap<number, bigint>): Promise<readonly AheadRecords[]>;
  /** Whether leaders or partitions are others by now: open a new session. */
  isOutdated(): Promise<boolean>;
  /** Fetches under way fail. */
  close(): void;
}

export interface Bounds {
  readonly partition: number;
  readonly first: bigint;
  readonly next: bigint;
}

export interface FetchedRecords {
  readonly partition: number;
  readonly records: readonly TopicRecord[];
  /** The position after all of them. */
  readonly next: bigint;
  /** Batches among them that were passed over. */
  readonly unreadable: readonly UnreadableBatch[];
  /** The offset that the partition's next record will have. */
  readonly highWatermark: bigint;
  /** Whether what comes next cannot be read, because a transaction is open. */
  readonly isHeld: boolean;
}

/** What cannot be decompressed, or only to more than this process should hold. */
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
  /** All before it was looked at. */
  readonly next: bigint;
}

export interface TopicRecord {
  readonly offset: bigint;
  /** Wall clock of the producer, or of the broker if the topic says so, ms since 1970; -1: none. */
  readonly timestampMs: number;
  readonly value: Uint8Array;
  readonly key?: Uint8Array | undefined;
  /** See headersIn; absent: they are not read. */
  readonly headers?: Uint8Array;
}
