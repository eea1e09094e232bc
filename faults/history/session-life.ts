import type { LeaseLife } from "./lease-life.ts";

/** Token callers send connection and session ids; legacy callers know only the existing fields, and look at no answer. */
export type CallerKind = "token" | "legacy";

/**
 * - `ok`
 * - `missing`, `superseded`: as a heartbeat is answered, or a register with the same status
 * - `unknown`: an error or no answer; it may have been carried out, or may be later
 */
export type Outcome = "ok" | "missing" | "superseded" | "unknown";

/** One call about a session, or a notice of its lease, monotonic ms. */
export interface SessionCall {
  readonly what: "register" | "refresh" | "unregister" | "notice";
  readonly sentMs: number;
  /** When its answer came, or it was given up. */
  readonly endedMs: number;
  readonly outcome: Outcome;
  /** Name of the status, if it failed. */
  readonly code?: string;
  /** Of the user after a register. */
  readonly version?: number;
  /** The lease that it puts the session under; absent: none. */
  readonly lease?: LeaseLife;
}

/** What a gateway did about one socket: the ground truth. */
export interface SessionLife {
  /** Unique in a run; what a token caller sends as its connection id. */
  readonly id: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly kind: CallerKind;
  readonly gateway: string;
  readonly calls: SessionCall[];
  /** Set when the gateway begins to say that the socket closed. */
  end?: SessionEnd;
  /** When the gateway let go of the socket: it closed, or the gateway crashed. */
  releasedMs?: number;
}

export interface SessionEnd {
  readonly sentMs: number;
  readonly reason: "none" | "logged-out" | "connection-lost" | "server-drain";
  /** Another gateway has the device already: the call must change nothing (P7). */
  readonly isLate: boolean;
  /** When the first answer came that says it is done. */
  confirmedMs?: number;
}

/** Whether the session was ever put under a lease. */
export function isLeased({ calls }: SessionLife): boolean {
  return calls.some(({ lease }) => lease !== undefined);
}

/** Whether the session stays for the grace period. */
export function hasGrace({ reason }: SessionEnd): boolean {
  return reason === "connection-lost" || reason === "server-drain";
}
