import { isMark, type LogEntry } from "../../services/presence/domain/log-entry.ts";
import { isToldApart, plainStatus, type UserStatus } from "../../services/presence/domain/status.ts";
import type { Use } from "./ground-truth.ts";
import { keyOf, plainKeys, type StatusTruth } from "./status-truth.ts";
import type { TruthClock } from "./truth-clock.ts";

/** A moment in undisturbed time, ms, and how many disturbances there were until then; -1: amid one. */
export interface CalmMark {
  readonly calmMs: number;
  readonly disturbances: number;
}

/** Whose status a reader shows, and as what; undefined: it shows none. */
interface ShownBelief {
  readonly userId: string;
  readonly status: string | undefined;
}

/** What a shard's log said of a user last. */
interface LoggedStatus {
  readonly shard: number;
  readonly online: boolean;
  readonly status: UserStatus;
  /** Deadline clock when it could not be so first, ms. */
  wrongSinceMs: number | undefined;
}

interface WrongStatus {
  readonly shown: string;
  readonly since: CalmMark;
  isReported: boolean;
}

/** How long a reader may show a status that is none, ms in which nothing was disturbed; and when something was. */
interface Bounds {
  readonly statusMs: number;
  readonly disturbedMs: number;
}

/** Between two looks, deadline clock, ms. */
const lookMs = 1_000;

/** Says what is wrong with the statuses that the log tells and that readers show of users who are online. */
export class StatusJudge {
  readonly #truth: StatusTruth;
  readonly #useOf: (userId: string) => Use;
  readonly #clock: TruthClock;
  readonly #bounds: Bounds;
  readonly #object: (userId: string, message: string) => void;
  readonly #logged = new Map<string, LoggedStatus>();
  readonly #wrong = new Map<ShownBelief, WrongStatus>();

  constructor(options: {
    readonly truth: StatusTruth;
    /** Of a user who is online. */
    readonly useOf: (userId: string) => Use;
    readonly clock: TruthClock;
    readonly bounds: Bounds;
    readonly object: (userId: string, message: string) => void;
  }) {
    this.#truth = options.truth;
    this.#useOf = options.useOf;
    this.#clock = options.clock;
    this.#bounds = options.bounds;
    this.#object = options.object;
  }

  /** A shard's log has a new entry. */
  logged(entry: LogEntry): void {
    if (isMark(entry)) {
      // What was said of users before may be lost.
      if (entry.mark === "begin") this.#forget(entry.shard);
      return;
    }
    const { userId, shard, online, cause, status = plainStatus(online) } = entry;
    const before = this.#logged.get(userId);
    this.#logged.set(userId, { shard, online, status, wrongSinceMs: undefined });
    if (cause !== "STATUS" || before === undefined) return;
    if (before.online !== online) this.#object(userId, `a change of status tells ${online ? "online" : "offline"}`);
    else if (!isToldApart(before.status, status)) this.#object(userId, `${wordsOf(status)} is told twice`);
  }

  look(userId: string): void {
    const logged = this.#logged.get(userId);
    if (logged?.online !== true) return;
    const clockMs = this.#clock.deadlineClockMs(userId);
    const words = wordsOf(logged.status);
    if (this.#truth.shown(userId).has(words)) logged.wrongSinceMs = undefined;
    else logged.wrongSinceMs ??= clockMs;
    if (logged.wrongSinceMs === undefined || clockMs - logged.wrongSinceMs <= lookMs) return;
    this.#logged.delete(userId);
    this.#object(userId, `the store has ${words}, which is over, or was never said`);
  }

  /** @param mayWait whether the reader knows that it may not be current */
  judge(belief: ShownBelief, reader: string, now: CalmMark, mayWait: boolean): void {
    const { userId, status: shown } = belief;
    const wrong = this.#wrong.get(belief);
    if (shown === undefined || this.#mayShow(userId, shown)) {
      this.#wrong.delete(belief);
    } else if (wrong?.shown !== shown) {
      this.#wrong.set(belief, { shown, since: now, isReported: false });
    } else {
      const isDisturbed = mayWait || wrong.since.disturbances !== now.disturbances;
      const forMs = now.calmMs - wrong.since.calmMs;
      if (wrong.isReported || forMs <= (isDisturbed ? this.#bounds.disturbedMs : this.#bounds.statusMs)) return;
      wrong.isReported = true;
      this.#object(userId, `${reader} shows ${shown} for ${Math.round(forMs)} ms, which is not so`);
    }
  }

  #mayShow(userId: string, shown: string): boolean {
    if (!this.#truth.shown(userId).has(shown)) return false;
    const [used, idle] = plainKeys;
    return shown === used ? this.#useOf(userId) !== "idle" : shown !== idle || this.#useOf(userId) !== "used";
  }

  /** Nobody shows it any more. */
  drop(beliefs: Iterable<ShownBelief>): void {
    for (const belief of beliefs) this.#wrong.delete(belief);
  }

  #forget(shard: number): void {
    for (const [userId, logged] of this.#logged) if (logged.shard === shard) this.#logged.delete(userId);
  }
}

function wordsOf({ availability, text }: UserStatus): string {
  return keyOf({ availability: availability.toLowerCase().replaceAll("_", "-"), text });
}
