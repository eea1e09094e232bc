import { PresenceStatus, type PresenceUpdateEvent, type UserPresence } from "@realchat/presence-proto/presence";

/** Somebody is online, or offline. */
export interface PresenceChange {
  readonly userId: string;
  readonly online: boolean;
  readonly version: number;
  /** Of who is offline, wall clock, ms; 0: unknown. */
  readonly lastSeenMs: number;
  /** The contract's TransitionCause; undefined when this comes from a snapshot. */
  readonly cause: number | undefined;
  /** Whose session made the difference, and at which gateway; undefined when this comes from a snapshot. */
  readonly deviceId: string | undefined;
  readonly instanceId: string | undefined;
  readonly shard: number;
  /** W3C trace context, if the feed was asked for traces and the change has one. */
  readonly traceparent?: string;
}

export function changeOfUpdate(update: PresenceUpdateEvent): PresenceChange {
  const { userId, status, version, cause, deviceId, instanceId, shard } = update;
  const online = status === PresenceStatus.PRESENCE_STATUS_ONLINE;
  return { userId, online, version, lastSeenMs: millisecondsOf(update.lastSeenAt), cause, deviceId, instanceId, shard };
}

export function changeOfView({ userId, online, version, lastSeenAt, shard }: UserPresence): PresenceChange {
  const unknown = { cause: undefined, deviceId: undefined, instanceId: undefined };
  return { userId, online, version, lastSeenMs: millisecondsOf(lastSeenAt), ...unknown, shard };
}

function millisecondsOf(time: { readonly seconds: number; readonly nanos: number } | undefined): number {
  return time === undefined ? 0 : time.seconds * 1_000 + Math.floor(time.nanos / 1_000_000);
}
