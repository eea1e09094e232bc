import type { Span } from "../time/spans.ts";
import type { InjectedFault } from "./injected-fault.ts";
import type { ReaderHistory } from "./reader-history.ts";
import type { SessionLife } from "./session-life.ts";

/** What the promises are counted in, ms. */
export interface Timing {
  readonly ttlMs: number;
  readonly heartbeatMs: number;
  readonly graceMs: number;
  readonly lease: LeaseTiming;
  /** What a busy machine may add to a promise's bound. */
  readonly slackMs: number;
}

/** Of gateways' leases, ms. */
export interface LeaseTiming {
  readonly ttlMs: number;
  readonly heartbeatMs: number;
  readonly verifyMs: number;
  /** Of a session under a lease that nobody verifies. */
  readonly sessionTtlMs: number;
}

/** A whole run: what was done, what the gateways did, what the readers said. */
export interface History {
  readonly timing: Timing;
  readonly beganMs: number;
  readonly endedMs: number;
  readonly users: readonly string[];
  readonly lives: readonly SessionLife[];
  readonly faults: readonly InjectedFault[];
  readonly readers: readonly ReaderHistory[];
  /** When this machine did not let this process or the system's run for longer than a moment: it excuses everyone. */
  readonly stalls: readonly Span[];
  /** Why the run ended early, with harm that was not healed: nothing need be well at its end. */
  readonly failure?: unknown;
}
