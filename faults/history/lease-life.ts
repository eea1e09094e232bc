/**
 * - `ok`: in every shard
 * - `partial`: some shard could not be reached
 * - `missing`: it was not open in some shard
 * - `unknown`: an error or no answer; it may have been carried out, or may be later
 */
export type LeaseOutcome = "ok" | "partial" | "missing" | "unknown";

/** One call about a lease, monotonic ms. */
export interface LeaseCall {
  readonly what: "open" | "keep" | "close";
  readonly sentMs: number;
  /** When its answer came, or it was given up. */
  readonly endedMs: number;
  readonly outcome: LeaseOutcome;
  /** Name of the status, if it failed. */
  readonly code?: string;
}

/** What one gateway process did about its lease: the ground truth. */
export interface LeaseLife {
  /** What presence knows it by. */
  readonly id: string;
  readonly gateway: string;
  readonly calls: LeaseCall[];
  /** When the process stopped keeping it: it crashed, or said good-bye. */
  releasedMs?: number;
}
