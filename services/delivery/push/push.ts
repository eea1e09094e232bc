import type { Outlet } from "./outlet.ts";

/** The port to what sockets are told. */
export interface Push {
  /** From now on the outlet is told of those whom the user may see. */
  connect(userId: string, outlet: Outlet): Subscription;
  readonly figures: PushFigures;
}

/** One socket's place in push. */
export interface Subscription {
  /** Watches these users too, those whom he may see, and is told of them anew. @returns false: that would be too many */
  subscribe(userIds: readonly string[]): boolean;
  unsubscribe(userIds: readonly string[]): void;
  close(): void;
}

/** Figures since the start, and of now. */
export interface PushFigures {
  readonly subscribers: number;
  /** Users whom a socket here watches, and pairs of a socket and a user it watches. */
  readonly watchedUsers: number;
  readonly interests: number;
  /** Pairs that the open sockets may have. */
  readonly interestsMax: number;
  readonly frames: number;
  /** Frames made: equal ones are made once. */
  readonly framesBuilt: number;
  readonly bytes: number;
  /** Users' states told to sockets. */
  readonly dots: number;
  readonly hidden: number;
  readonly closedSlow: number;
  /** Sockets with something to write, or being written to. */
  readonly busySockets: number;
  readonly feedUpdates: number;
  /** Users who are not shown to somebody until the directory says whether they may be. */
  readonly doubts: number;
  /** Questions to the directory, under way or waiting; at most one of every user with sockets here. */
  readonly questions: number;
  readonly directoryFailures: number;
  readonly lookups: LookupFigures;
  readonly reconciliation: LookupFigures & {
    /** Times that suspects were looked up, after a gap or a reset. */
    readonly passes: number;
    readonly suspects: number;
  };
  /** Whether sockets are told that dots may not be current, and how often that began. */
  readonly isStale: boolean;
  readonly staleTimes: number;
}

export interface LookupFigures {
  /** Users. */
  readonly asked: number;
  readonly waiting: number;
  /** Calls. */
  readonly failures: number;
  /** Users of whom presence could not tell. */
  readonly refused: number;
}
