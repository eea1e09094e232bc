/** The port to a topic. Whatever fails is thrown as PresenceClientError; a session that failed is thrown away. */
export interface TopicSource {
  /**
   * @param attempt counts attempts in a row: each may ask another broker first
   * @param closed when it aborts, nobody needs the session any more
   */
  open(attempt: number, closed: AbortSignal): Promise<TopicSession>;
}

export interface TopicSession {
  /** Other than before: the topic was deleted and made anew, and its offsets mean something else. */
  readonly topicId: string;
  readonly partitions: number;
  /** Brokers that lead partitions; each is read on its own, so that a slow one holds up nobody else. */
  readonly leaders: readonly number[];
  /** Of each partition, the offset of its first record, and the one that its next record will have. */
  bounds(): Promise<readonly Bounds[]>;
  /** What comes next in the partitions of one leader; waits for it a while. */
  fetch(leader: number, positions: ReadonlyMap<number, bigint>): Promise<readonly FetchedRecords[]>;
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
}

export interface TopicRecord {
  readonly offset: bigint;
  /** Wall clock of the producer, or of the broker if the topic says so, ms since 1970; -1: none. */
  readonly timestampMs: number;
  readonly value: Uint8Array;
}
