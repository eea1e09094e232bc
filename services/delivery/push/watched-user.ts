import type { Dot } from "./dot.ts";
import type { Subscriber } from "./subscriber.ts";

/** A user whom at least one socket of this gateway watches. */
export class WatchedUser {
  readonly userId: string;
  /** undefined: not looked up yet. */
  dot: Dot | undefined;
  readonly watchers = new Set<Subscriber>();

  constructor(userId: string) {
    this.userId = userId;
  }
}
