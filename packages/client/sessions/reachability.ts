import { backoffMs } from "@realchat/presence-runtime/backoff";
import type { Cancel, Clock } from "@realchat/presence-runtime/clock";
import type { PresenceClientError } from "../presence-client-error.ts";
import { isOwnFault } from "./call-faults.ts";

export type Method = "register" | "unregister" | "refresh" | "lease";

/** P6: who lost presence tries again within 5 s. */
const probeFirstMs = 500;
const probeCapMs = 4_000;
const adviceMaxMs = 4_000;
/** Over how long those who waited for the same node spread their first call, ms. */
const spreadMs = 1_000;
/** Sessions whose calls must have failed, and none succeeded meanwhile, for presence to count as away. */
const evidenceMin = 3;

/** Failures of a method further apart, ms, are not in a row: a failed call is tried again sooner. */
const rowMaxMs = 10_000;

/** The longest wait between two attempts, ms: two of them for each heartbeat that is due, or more. */
export function probeMaxMs(intervalMs: number): number {
  return Math.max(probeFirstMs, Math.min(probeCapMs, intervalMs / 2));
}

interface ReachabilityOptions {
  readonly clock: Clock;
  /** Between two heartbeats of a session. */
  readonly intervalMs: () => number;
  /** Sessions that have something to tell presence, or will. */
  readonly sessions: () => number;
  /** Whether heartbeats are sent, of a session or of the lease. */
  readonly hasHeartbeats: () => boolean;
  /** Called when a heartbeat, of the lease or a session that is best not known to fail, has to tell whether presence is away. */
  readonly inDoubt: () => void;
  /** Called when it is time for a call, and when presence can be reached again. */
  readonly wake: () => void;
}

/**
 * Whether presence can be reached at all. A call that fails says nothing about others: Redis may have no memory for
 * registrations while heartbeats succeed, a user's record may be broken, a shard may be away. So presence counts as
 * away only when calls of several sessions failed and none succeeded since; and where heartbeats are sent, only when one
 * that is sent right then fails, too.
 *
 * While presence is away, one call of each method at a time finds out whether it is there again, heartbeats first,
 * after waits that grow to 4 s and are random, so that not all gateways come back in the same moment. Heartbeats that
 * are due go along with it, and tell nothing when they fail.
 */
export class Reachability {
  readonly #options: ReachabilityOptions;
  readonly #clock: Clock;
  #state: "reachable" | "waiting" | "may-try" = "reachable";
  /** In `may-try`: methods that have had their turn. */
  readonly #tried = new Set<Method>();
  /** Whose calls failed since the last that succeeded; at most as many as it takes. */
  readonly #failing = new Set<unknown>();
  /** Of methods that failed: since when without a success, and when last, monotonic ms. */
  readonly #failingMs = new Map<Method, { readonly since: number; readonly last: number }>();
  #isInDoubt = false;
  #succeededMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #outages = 0;
  #cancelWait: Cancel = () => {};
  #waitEndMs = 0;
  #reachableMs = 0;
  #sinceMs: number;

  constructor(options: ReachabilityOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#sinceMs = options.clock.monotonicMs();
  }

  get isReachable(): boolean {
    return this.#state === "reachable";
  }

  get outages(): number {
    return this.#outages;
  }

  /**
   * Milliseconds so far in which presence could be reached. Deadlines of sessions are counted in a clock that stands
   * still while presence is away; this is the nearest to it that can be known here.
   */
  get reachableMs(): number {
    const current = this.isReachable ? this.#clock.monotonicMs() - this.#sinceMs : 0;
    return this.#reachableMs + current;
  }

  /** Whether such a call may be made now; say `trying` right before it. */
  mayTry(method: Method): boolean {
    return this.#state === "reachable" || (this.#state === "may-try" && !this.#tried.has(method));
  }

  /** A call begins, whose outcome will be told. */
  trying(method: Method): void {
    if (this.#state === "may-try") this.#tried.add(method);
  }

  succeeded(method: Method): void {
    this.#failures = 0;
    this.#isInDoubt = false;
    this.#failing.clear();
    this.#failingMs.delete(method);
    this.#succeededMs = this.#clock.monotonicMs();
    if (this.#state === "reachable") return;
    this.#cancelWait();
    this.#state = "reachable";
    this.#sinceMs = this.#clock.monotonicMs();
    this.#options.wake();
  }

  /**
   * @param session whose call it was; of a batch, one of them
   * @param isProbe it was made to find out whether presence is away
   */
  failed(method: Method, session: unknown, error: PresenceClientError, isProbe = false): void {
    const sinceMs = this.#noteFailure(method);
    if (isProbe) this.#isInDoubt = false;
    if (this.#state === "reachable") {
      // Others succeed while this method goes on failing: the fault is its own.
      if (isOwnFault(error) || sinceMs < this.#succeededMs || !this.#isAway(session, isProbe)) return;
      this.#reachableMs += this.#clock.monotonicMs() - this.#sinceMs;
      this.#outages++;
    } else if (this.#tried.size === 0) {
      // Calls that were under way when it began tell nothing new.
      return;
    }
    const adviceMs = Math.min(error.retryAfterMs ?? 0, adviceMaxMs);
    const pace = { firstMs: probeFirstMs, capMs: probeMaxMs(this.#options.intervalMs()) };
    this.#wait(Math.max(backoffMs(this.#failures++, pace, this.#clock), adviceMs));
  }

  /** A connection is there again: no need to wait for long. */
  hurry(): void {
    const waitMs = this.#clock.random() * spreadMs;
    if (this.#state !== "waiting" || this.#clock.monotonicMs() + waitMs >= this.#waitEndMs) return;
    this.#cancelWait();
    this.#wait(waitMs);
  }

  stop(): void {
    this.#cancelWait();
  }

  /** @returns since when the method fails, monotonic ms */
  #noteFailure(method: Method): number {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#failingMs.get(method);
    const since = before === undefined || nowMs - before.last > rowMaxMs ? nowMs : before.since;
    this.#failingMs.set(method, { since, last: nowMs });
    return since;
  }

  #isAway(session: unknown, isProbe: boolean): boolean {
    const { sessions, hasHeartbeats, inDoubt } = this.#options;
    if (this.#failing.size < evidenceMin) this.#failing.add(session);
    if (this.#failing.size < Math.min(evidenceMin, sessions())) return false;
    if (isProbe || !hasHeartbeats()) return true;
    if (!this.#isInDoubt) {
      this.#isInDoubt = true;
      inDoubt();
    }
    return false;
  }

  #wait(waitMs: number): void {
    this.#state = "waiting";
    this.#tried.clear();
    this.#waitEndMs = this.#clock.monotonicMs() + waitMs;
    this.#cancelWait = this.#clock.after(waitMs, () => {
      this.#state = "may-try";
      this.#options.wake();
    });
  }
}
