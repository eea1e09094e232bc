import type { Dot } from "./dot.ts";
import type { Guard } from "./guard.ts";

/** A user that at least one socket of this gateway watches. */
export class WatchedUser<Watcher = unknown> {
  readonly userId: string;
  /** What is known of the user; undefined: not looked up yet. */
  dot: Dot | undefined;
  /** Where the feed read of the user; undefined: known from look-ups alone. */
  partition: number | undefined;
  readonly watchers = new Set<Watcher>();
  /** What is shown to those who may see all: the dot, since the policy was read that holds for it; undefined: nothing yet. */
  told: Dot | undefined;
  /** Of a user who does not show everything to everybody. */
  guard: Guard | undefined;
  /** The last change of the user that was told; undefined: what was told last is what its policy changed. */
  news: Dot | undefined;
  /** The policy is being read. */
  read: PolicyRead | undefined;
  /** The policy may have changed: until it is read, nothing is sent of the user. */
  isHeld = false;
  /** Whether presence answered for the user while it was not recovering: then it would know if the user was away. */
  isSure = false;

  constructor(userId: string) {
    this.userId = userId;
  }
}

/** A read of a user's policy. What was under way when another one began counts no more. */
export interface PolicyRead {
  /** Resolves when it counts, or counts no more. */
  readonly done: Promise<void>;
  readonly finish: () => void;
}
