/** The port to what changes: every transition of every user, from now on. */
export interface PresenceFeed {
  readonly kind: "kafka" | "watch";
  /** Begins to listen; resolves also when the source is away, and goes on trying. */
  start(listener: FeedListener): Promise<void>;
  stop(): Promise<void>;
  health(): { readonly ready: boolean; readonly detail: string };
  metrics(): FeedMetrics;
}

/** Figures since the start, and of now. */
export interface FeedMetrics {
  /** What was heard, by what it was worth. */
  readonly records: Readonly<Record<"told" | "repeated" | "unreadable", number>>;
  /** Times that something may have been missed, that presence lost data, and that the source was lost. */
  readonly faults: Readonly<Record<"gap" | "reset" | "failure", number>>;
  /** Users whose version is remembered, to tell news from repetitions. */
  readonly usersRemembered: number;
}

export interface FeedListener {
  /** A user's state; repetitions and older versions may come, and are told apart by the version. */
  update(update: PresenceUpdate): void;
  /** Changes may have been missed: look again at everyone who is watched. */
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
