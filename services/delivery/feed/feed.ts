/** The port to the feed: every transition of every user, from now on. */
export interface PresenceFeed {
  readonly kind: "kafka" | "watch";
  /** Starts to listen. Resolves also when the source is unavailable, and retries. */
  start(listener: FeedListener): Promise<void>;
  stop(): Promise<void>;
  health(): { readonly ready: boolean; readonly detail: string };
  metrics(): FeedMetrics;
}

/** Counters since the start, and gauges. */
export interface FeedMetrics {
  /** Received records, by outcome. */
  readonly records: Readonly<Record<"told" | "repeated" | "unreadable", number>>;
  /** Times that changes may have been missed, that presence lost data, and that the source failed. */
  readonly faults: Readonly<Record<"gap" | "reset" | "failure", number>>;
  /** Users whose version is kept, to recognize repetitions. */
  readonly usersRemembered: number;
}

export interface FeedListener {
  /** A user's state. Repetitions and older versions may come; the version shows it. */
  update(update: PresenceUpdate): void;
  /** Changes may have been missed: all watched users are to be looked up. */
  gap(): void;
  /** Users of the shard whose version is below begin are offline. */
  reset(shard: number, begin: number): void;
}

export interface PresenceUpdate {
  readonly userId: string;
  readonly online: boolean;
  readonly version: number;
  /** The contract's TransitionCause; 0 when unknown. */
  readonly cause: number;
  readonly deviceId: string;
  readonly instanceId: string;
  /** Wall clock, ms; 0: online or unknown. */
  readonly lastSeenMs: number;
  readonly shard: number;
}
