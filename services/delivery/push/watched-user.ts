import type { Away } from "./away.ts";
import type { Dot } from "./dot.ts";
import type { Guard } from "./guard.ts";

/** A user that at least one socket of this gateway watches. */
export class WatchedUser<Watcher = unknown> {
  readonly userId: string;
  /** What is known of the user; undefined: nothing yet. */
  dot: Dot | undefined;
  /** What of that is told, to those who may see the truth: a dot since the policy was read that holds for it. */
  told: Dot | undefined;
  /** The same for those who may not; undefined: the user shows everything to everybody. */
  away: Away | undefined;
  /** Who is shown what; undefined: everything to everybody. */
  guard: Guard | undefined;
  /** `doubted`: it may have changed, and until it is read nothing is sent of the user. */
  policy: "unread" | "doubted" | "read" = "unread";
  /** The policy is being read. */
  read: PolicyRead | undefined;
  /** Since when presence's data of the user go back, by an answer that knew who is away; undefined: there was none. */
  dataSince: number | undefined;
  /** Where the feed read of the user; undefined: known from look-ups alone. */
  partition: number | undefined;
  /** The last change of the user that was told; undefined: what was told last is what its policy changed. */
  news: Dot | undefined;
  readonly watchers = new Set<Watcher>();

  constructor(userId: string) {
    this.userId = userId;
  }
}

/** A read of a user's policy. What was under way when another one began counts no more. */
export class PolicyRead {
  /** What was known when it began, and may be told when it is done. */
  dot: Dot | undefined;
  away: Dot | undefined;
  dataSince: number | undefined;
  /** undefined: nobody waits, as mostly. */
  #waiting: PromiseWithResolvers<void> | undefined;

  begin({ dot, away, dataSince }: Pick<WatchedUser, "dot" | "away" | "dataSince">): void {
    this.dot = dot;
    this.away = away?.dot;
    this.dataSince = dataSince;
  }

  /** Resolves when it counts, or counts no more. To be asked for while it is under way. */
  get done(): Promise<void> {
    this.#waiting ??= Promise.withResolvers<void>();
    return this.#waiting.promise;
  }

  finish(): void {
    this.#waiting?.resolve();
  }
}
