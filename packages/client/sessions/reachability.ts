import { type BackoffLimits, backoffMs } from "@realchat/presence-runtime/backoff";
import type { Cancel, Clock } from "@realchat/presence-runtime/clock";

/** P6: who lost presence tries again within 5 s. */
const probePace: BackoffLimits = { firstMs: 500, capMs: 4_000 };
const adviceMaxMs = 4_000;
/** Over how long those who waited for the same node spread their first call, ms. */
const spreadMs = 1_000;

/**
 * Whether presence can be reached, as far as the last calls told. While it cannot, one call at a time finds out whether
 * it can again, after waits that grow to 4 s and are random, so that not all gateways come back in the same moment.
 */
export class Reachability {
  readonly #clock: Clock;
  readonly #wake: () => void;
  #state: "reachable" | "waiting" | "may-try" | "trying" = "reachable";
  #failures = 0;
  #outages = 0;
  #cancelWait: Cancel = () => {};
  #waitEndMs = 0;
  #reachableMs = 0;
  #sinceMs: number;

  /** @param wake called when it is time for a call, and when presence can be reached again */
  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
    this.#sinceMs = clock.monotonicMs();
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

  /** Whether a call may be made now; say `trying` right before it. */
  get mayTry(): boolean {
    return this.#state === "reachable" || this.#state === "may-try";
  }

  /** A call begins, whose outcome will be told. */
  trying(): void {
    if (this.#state === "may-try") this.#state = "trying";
  }

  succeeded(): void {
    this.#failures = 0;
    if (this.#state === "reachable") return;
    this.#cancelWait();
    this.#state = "reachable";
    this.#sinceMs = this.#clock.monotonicMs();
    this.#wake();
  }

  /** @param retryAfterMs presence's advice */
  failed(retryAfterMs = 0): void {
    // Calls that were under way when it began tell nothing new.
    if (this.#state === "waiting" || this.#state === "may-try") return;
    if (this.#state === "reachable") {
      this.#reachableMs += this.#clock.monotonicMs() - this.#sinceMs;
      this.#outages++;
    }
    this.#wait(Math.max(backoffMs(this.#failures++, probePace, this.#clock), Math.min(retryAfterMs, adviceMaxMs)));
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

  #wait(waitMs: number): void {
    this.#state = "waiting";
    this.#waitEndMs = this.#clock.monotonicMs() + waitMs;
    this.#cancelWait = this.#clock.after(waitMs, () => {
      this.#state = "may-try";
      this.#wake();
    });
  }
}
