import type { UserStatus } from "@realchat/presence-client";

/** The port to the feed: every transition of every user, from now on. */
export interface PresenceFeed {
  readonly kind: "kafka" | "watch";
  /** Starts to listen. Resolves also when the source is unavailable, and retries. */
  start(listener: FeedListener): Promise<void>;
  stop(): Promise<void>;
  /**
   * The version below which nothing that was said of such a user holds any more: presence lost data since, and the user is
   * offline at that version. 0: there was no reset.
   * @param partition of the user's last update; undefined: it had none
   */
  floorOf(shard: number, partition: number | undefined): number;
  health(): { readonly ready: boolean; readonly detail: string };
  metrics(): FeedMetrics;
}

/** Counters since the start, and gauges. */
export interface FeedMetrics {
  /** Received records, by outcome. */
  readonly records: Readonly<Record<"told" | "repeated" | "outdated" | "unreadable", number>>;
  /** Times that changes may have been missed, that presence lost data, and that the source failed. */
  readonly faults: Readonly<Record<"gap" | "reset" | "failure", number>>;
  /** Users whose version is kept, to recognize repetitions. */
  readonly usersRemembered: number;
  /** Versions that resets told, by shard and partition. */
  readonly floors: number;
}

export interface FeedListener {
  /**
   * A user's state. Repetitions and older versions may come; the version shows it.
   * @param partition where it was read; undefined: the feed has none
   */
  update(update: PresenceUpdate, partition: number | undefined): void;
  /** Changes may have been missed: all watched users are to be looked up, and their partitions are not known any more. */
  gap(): void;
  /** A floor of this shard has risen: see floorOf. */
  reset(shard: number): void;
}

export interface PresenceUpdate {
  readonly userId: string;
  readonly online: boolean;
  readonly version: number;
  /** The contract's TransitionCause; 0 when unknown. */
  readonly cause: number;
  readonly deviceId: string;
  /** Wall clock, ms; 0: online or unknown. */
  readonly lastSeenMs: number;
  readonly status: UserStatus;
  readonly shard: number;
  /** W3C trace context of who brought it about; absent: none is known. */
  readonly traceparent?: string;
}

/** A listener that tells each of these. */
export function toEach(listeners: readonly FeedListener[]): FeedListener {
  return {
    update(update, partition) {
      for (const listener of listeners) listener.update(update, partition);
    },
    gap() {
      for (const listener of listeners) listener.gap();
    },
    reset(shard) {
      for (const listener of listeners) listener.reset(shard);
    },
  };
}
