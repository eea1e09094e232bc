import type { Clock } from "@realchat/presence-runtime/clock";
import type { PresenceAccess } from "../grpc/presence-channels.ts";

/** Somebody came or went, or is known for the first time. */
export interface PresenceChange {
  readonly userId: string;
  readonly online: boolean;
  readonly version: number;
  /** Wall clock, ms; 0: online, or unknown. */
  readonly lastSeenMs: number;
  /** The contract's TransitionCause; undefined when learned from a snapshot. */
  readonly cause: number | undefined;
  /** Whose session made the difference; undefined when learned from a snapshot. */
  readonly deviceId: string | undefined;
  readonly instanceId: string | undefined;
  readonly shard: number;
}

export type PresenceNews =
  | ({ readonly kind: "change" } & PresenceChange)
  /** All changes until now have been told. */
  | { readonly kind: "synced" }
  /** Changes may be missing until the next `synced`; they are told before it. */
  | { readonly kind: "unsynced"; readonly why: string };

export interface WatchOptions {
  /** At most 10,000, or everyone. */
  readonly users: readonly string[] | "everyone";
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** Watches for ever: see PresenceNews. */
export async function* watch(_channels: PresenceAccess, _options: WatchOptions): AsyncIterable<PresenceNews> {}
