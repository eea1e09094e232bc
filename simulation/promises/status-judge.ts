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
  readonly reader: { readonly name: string };
  readonly userId: string;
  readonly status: string | undefined;
  /** While it is wrong. */
  wrongStatus: WrongStatus | undefined;
}

/** What a shard's log said of a user last. */
interface LoggedStatus {
  readonly shard: number;
  readonly online: boolean;
  readonly status: UserStatus;
  /** See keyOf. */
  readonly words: string;
  /** Deadline clock when it could not be so first, ms. */
  wrongSinceMs: number | undefined;
}

export interface WrongStatus {
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
  readonly #isRestating: (userId: string) => boolean;
  readonly #clock: TruthClock;
  readonly #bounds: Bounds;
  readonly #object: (userId: string, message: string) => void;
  readonly #logged = new Map<string, LoggedStatus>();

  constructor(options: {
    readonly truth: StatusTruth;
    /** Of a user who is online. */
    readonly useOf: (userId: string) => Use;
    readonly isRestating: (userId: string) => boolean;
    readonly clock: TruthClock;
    readonly bounds: Bounds;
    readonly object: (userId: string, message: string) => void;
  }) {
    this.#truth = options.truth;
    this.#useOf = options.useOf;
    this.#isRestating = options.isRestating;
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
    const words = wordsOf(status);
    this.#logged.set(userId, { shard, online, status, words, wrongSinceMs: undefined });
    if (online) this.#truth.logged(userId, words);
    if (cause !== "STATUS" || before === undefined) return;
    if (before.online !== online) this.#object(userId, `a change of status tells ${online ? "online" : "offline"}`);
    else if (!isToldApart(before.status, status)) this.#object(userId, `${words} is told twice`);
  }

  look(userId: string): void {
    const logged = this.#logged.get(userId);
    if (logged?.online !== true) return;
    const clockMs = this.#clock.deadlineClockMs(userId);
    const { words } = logged;
    if (this.#truth.shown(userId).has(words)) logged.wrongSinceMs = undefined;
    else logged.wrongSinceMs ??= clockMs;
    if (logged.wrongSinceMs === undefined || clockMs - logged.wrongSinceMs <= lookMs) return;
    this.#logged.delete(userId);
    this.#object(userId, `the store has ${words}, which is over, or was never said`);
  }

  judge(belief: ShownBelief, now: CalmMark): void {
    const { userId, reader, status: shown, wrongStatus: wrong } = belief;
    if (shown === undefined || this.#mayShow(userId, shown)) {
      belief.wrongStatus = undefined;
    } else if (wrong?.shown !== shown) {
      belief.wrongStatus = { shown, since: now, isReported: false };
    } else {
      // While presence restates, a reader knows that it may not be current.
      const isDisturbed = wrong.since.disturbances !== now.disturbances || this.#isRestating(userId);
      const forMs = now.calmMs - wrong.since.calmMs;
      if (wrong.isReported || forMs <= (isDisturbed ? this.#bounds.disturbedMs : this.#bounds.statusMs)) return;
      wrong.isReported = true;
      this.#object(userId, `${reader.name} shows ${shown} for ${Math.round(forMs)} ms, which is not so`);
    }
  }

  #mayShow(userId: string, shown: string): boolean {
    if (!this.#truth.shown(userId).has(shown)) return false;
    const [used, idle] = plainKeys;
    return shown === used ? this.#useOf(userId) !== "idle" : shown !== idle || this.#useOf(userId) !== "used";
  }

  #forget(shard: number): void {
    for (const [userId, logged] of this.#logged) if (logged.shard === shard) this.#logged.delete(userId);
  }
}

function wordsOf({ availability, text }: UserStatus): string {
  return keyOf({ availability: availability.toLowerCase().replaceAll("_", "-"), text });
}
