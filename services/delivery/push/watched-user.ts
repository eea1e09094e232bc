import type { Dot } from "./dot.ts";

/** A user that at least one socket of this gateway watches. */
export class WatchedUser<Watcher = unknown> {
  readonly userId: string;
  /** undefined: not looked up yet. */
  dot: Dot | undefined;
  /** Where the feed read of the user; undefined: known from look-ups alone. */
  partition: number | undefined;
  readonly watchers = new Set<Watcher>();

  constructor(userId: string) {
    this.userId = userId;
  }
}
