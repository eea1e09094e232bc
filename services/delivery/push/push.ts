import type { FrameSink } from "./frame-sink.ts";

/** The port to push, which sends users' states to sockets. */
export interface Push {
  /**
   * From now on the sink receives the states of the users that this user may see.
   * @param roles of the client's token; default: none
   */
  connect(userId: string, sink: FrameSink, roles?: ReadonlySet<string>): Subscription;
  readonly metrics: PushMetrics;
}

/** One socket's place in push. */
export interface Subscription {
  /** Watches these users too, if this user may see them; their states are sent again. @returns false: too many users */
  subscribe(userIds: readonly string[]): boolean;
  unsubscribe(userIds: readonly string[]): void;
  close(): void;
}

/** Counters since the start, and gauges. */
export interface PushMetrics {
  readonly subscribers: number;
  /** Users watched by a socket of this gateway, and pairs of a socket and a user it watches. */
  readonly watchedUsers: number;
  readonly interests: number;
  /** Pairs that the open sockets may have. */
  readonly interestsMax: number;
  readonly frames: number;
  /** Frames that were encoded: equal ones are encoded once. */
  readonly framesBuilt: number;
  readonly bytes: number;
  /** Users' states sent to sockets. */
  readonly dots: number;
  readonly hidden: number;
  readonly closedSlow: number;
  /** Sockets with something to write, or being written to. */
  readonly busySockets: number;
  readonly feedUpdates: number;
  /** Pairs of a viewer and a user that is not shown until the directory says whether it may be. */
  readonly unverified: number;
  /** Queries to the directory, in flight or waiting: at most one for each user with sockets here, and reads of policies. */
  readonly directoryQueries: number;
  readonly directoryFailures: number;
  readonly lookups: LookupMetrics;
  readonly reconciliation: LookupMetrics & {
    /** Times that queued users were looked up, after a gap or a reset. */
    readonly passes: number;
    readonly queued: number;
    /** Users of whom a recovering presence could say nothing: what is known of them stays. */
    readonly doubted: number;
  };
  /** Whether dots may not be current, and how often that began. */
  readonly isStale: boolean;
  readonly staleEpisodes: number;
}

export interface LookupMetrics {
  /** Users. */
  readonly asked: number;
  readonly waiting: number;
  /** Calls. */
  readonly failures: number;
  /** Users whose state presence could not read. */
  readonly refused: number;
}
