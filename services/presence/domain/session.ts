import type { Activity } from "./activity.ts";
import type { ClaimBook } from "./claims.ts";

/** One connection of a device, as the record keeps it. */
export interface Session {
  /**
   * Place in the order of the device's registrations: the highest wins. Microseconds since 1970 of the registration by
   * the order clock, or just above where that was taken, so it also tells since when the device is connected.
   */
  readonly order: number;
  /** The gateway's name for the socket; empty for a legacy caller. */
  readonly connectionId: string;
  /** The gateway that holds the socket. */
  readonly instanceId: string;
  /** Until then (shard clock, ms) an Unregister without session_id leaves the session to its deadline; 0: never was. */
  readonly contestedUntilMs: number;
}

/** An order below it does not say when its session was registered; µs, a day of the year 2001. */
export const leastTimedOrder = 1_000_000_000_000_000;

/**
 * When the session of that order was registered, ms since 1970; 0: not known.
 * @param aheadUs see OrderClock
 */
export function registeredAtMs(order: number, aheadUs: number): number {
  return order < leastTimedOrder ? 0 : Math.floor((order - aheadUs) / 1000);
}

/** Stands for the gateway of a session that nobody knows it of: see decideHeartbeat. */
export const unknownInstance = "unknown-instance";

/** How a session came to be no more. */
export type Ending = "ended" | "replaced" | "expired";

/** What is remembered of a session that is no more. */
export interface Tombstone extends Session {
  readonly ending: Ending;
  /** Shard clock, ms. */
  readonly endedAtMs: number;
}

/**
 * A device of a user. `grace`: its last session was lost but still counts; the device is not listed. `leaseId`: of the lease
 * that a live session is under; absent: its own deadline decides about it. `activity`: absent: it never said anything.
 * Tombstones: newest first.
 */
export interface Device {
  readonly current:
    | {
        readonly state: "live" | "grace";
        readonly session: Session;
        readonly leaseId?: string;
        readonly activity?: Activity;
      }
    | undefined;
  readonly tombstones: readonly Tombstone[];
}

/** All that is known of one user. */
export interface UserRecord {
  /** Of the user's last transition. */
  readonly version: number;
  /** Exactly when some device has a current session. */
  readonly online: boolean;
  /** Wall clock, ms, of the last sign of life of a session that is gone; 0 if none has gone yet. */
  readonly lastSeenMs: number;
  readonly devices: ReadonlyMap<string, Device>;
  /** Absent: nobody claims anything. */
  readonly claims?: ClaimBook;
}

/** A user's and device's session as callers name it; `sessionId` is empty for a legacy caller. */
export interface SessionRef {
  readonly userId: string;
  readonly deviceId: string;
  readonly sessionId: string;
}

/**
 * The fencing token: the order, and for a caller that named its connection a dot and that name. Comparing orders of two
 * tokens tells which session is newer.
 */
export function sessionIdOf(session: Pick<Session, "order" | "connectionId">): string {
  return session.connectionId === "" ? String(session.order) : `${session.order}.${session.connectionId}`;
}

/** Whether it is of a caller that named its connection, if it is of a session at all: less work than `parseSessionId`. */
export function namesConnection(sessionId: string): boolean {
  const dot = sessionId.indexOf(".");
  return dot > 0 && dot < sessionId.length - 1;
}

/** Inverse of `sessionIdOf`; undefined for what it never made. */
export function parseSessionId(sessionId: string): { order: number; connectionId: string } | undefined {
  const dot = sessionId.indexOf(".");
  const digits = dot === -1 ? sessionId : sessionId.slice(0, dot);
  if (!/^(0|[1-9][0-9]{0,15})$/.test(digits) || dot === sessionId.length - 1) return undefined;
  const order = Number(digits);
  if (!Number.isSafeInteger(order)) return undefined;
  return { order, connectionId: dot === -1 ? "" : sessionId.slice(dot + 1) };
}
