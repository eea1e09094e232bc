import type { Bound } from "../bound.ts";
import type { LeaseMetrics } from "../lease/gateway-lease.ts";
import type { RefreshCounters } from "./refresh-calls.ts";
import type { SessionState } from "./session-handle.ts";

/** Metrics of a keeper; those that count do so since it began. */
export interface KeeperMetrics extends Readonly<RefreshCounters> {
  /** Sessions in each state now; for `closed`, `superseded`, `refused` and `forced` how many ever got there. */
  readonly sessions: Readonly<Record<SessionState, number>>;
  /** Heartbeats that kept a session alive which is under no lease. */
  readonly heartbeats: number;
  readonly lease: LeaseMetrics & {
    /** Sessions under it. */
    readonly sessions: number;
    /** Verifications that presence confirmed, each session counted; and how often all sessions were to be verified. */
    readonly verified: number;
    readonly passes: number;
    /** Sessions that are still to be verified for that. */
    readonly doubted: number;
  };
  /** Registrations that presence accepted, and those among them of sessions that it had lost. */
  readonly registrations: number;
  readonly returns: number;
  readonly unregistrations: number;
  /** Calls that told presence whether a device is used, and those that failed; they are repeated. */
  readonly activitiesTold: number;
  readonly activityFailures: number;
  /** Registrations and unregistrations that failed, each attempt counted. */
  readonly callFailures: number;
  /** Closed sessions that presence was not told of, or may have under a token we never got: it ends them by itself. */
  readonly closingsDropped: number;
  /** Registrations and unregistrations that wait for their turn, and those whose answer is awaited. */
  readonly callsWaiting: number;
  readonly callsUnderWay: number;
  /** RefreshSessions calls whose answer is awaited. */
  readonly batchesUnderWay: number;
  /** What presence dictates. */
  readonly heartbeatIntervalMs: number;
  /** How often presence could not be reached any more; and whether it can be, as the last call told. */
  readonly outages: number;
  readonly reachable: boolean;
  /**
   * Live sessions, closed ones that presence is to be told of, calls and batches under way, sessions that have an activity
   * to tell, and superseded sessions whose successor is being looked up, with their limits.
   */
  readonly bounds: Readonly<
    Record<"sessions" | "closings" | "calls" | "batches" | "activities" | "successions", Bound>
  >;
}
