import type { UserStatus } from "./status.ts";

/**
 * Why a user came or left, or was told again: the contract's TransitionCause, each at its number. 0 is also for causes that only
 * a later release knows.
 */
export const transitionCauses = [
  "UNSPECIFIED",
  "CONNECTED",
  "DISCONNECTED",
  "LOGGED_OUT",
  "CONNECTION_LOST",
  "EXPIRED",
  "RESTATED",
  "INSTANCE_LOST",
  "FORCED",
  "STATUS",
] as const;

export type TransitionCause = (typeof transitionCauses)[number];

/** Why a gateway ends a session; the names are those of the contract's DisconnectReason. */
export type DisconnectReason = "UNSPECIFIED" | "LOGGED_OUT" | "CONNECTION_LOST" | "SERVER_DRAIN";

/** Why a session ends at once: its gateway says so, or an operator does. */
export type EndReason = DisconnectReason | "FORCED";

/** A user came online or went offline, or has another status: one entry of a shard's log. */
export interface Transition {
  readonly userId: string;
  readonly online: boolean;
  /** Microseconds since 1970, made strictly increasing within the shard. */
  readonly version: number;
  readonly cause: TransitionCause;
  /** The device whose session made the difference, and its gateway; empty with cause STATUS. */
  readonly deviceId: string;
  readonly instanceId: string;
  /** Offline: wall clock, ms, of the last sign of life. Online: 0. */
  readonly lastSeenMs: number;
  readonly shard: number;
  /** W3C trace context of the call that brought it about; absent: none is known. */
  readonly traceparent?: string;
  /** After it; absent: the plain one (see plainStatus). */
  readonly status?: UserStatus;
}

/** A transition without its version, which the store adds. */
export interface NewTransition {
  readonly online: boolean;
  readonly cause: TransitionCause;
  readonly deviceId: string;
  readonly instanceId: string;
}
