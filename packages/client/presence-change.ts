import {
  PresenceStatus,
  type PresenceUpdateEvent,
  TransitionCause,
  type UserPresence,
} from "@realchat/presence-proto/presence";
import { type UserStatus, userStatusOf } from "./status/user-status.ts";
import { wallMsOf } from "./wall-time.ts";

/** Somebody is online, or offline, or has another status. */
export interface PresenceChange {
  readonly userId: string;
  readonly online: boolean;
  readonly version: number;
  /** Of who is offline, wall clock, ms; 0: unknown. */
  readonly lastSeenMs: number;
  readonly status: UserStatus;
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
  const { userId, version, cause, deviceId, instanceId, shard } = update;
  const online = update.status === PresenceStatus.PRESENCE_STATUS_ONLINE;
  const status = userStatusOf(update.userStatus, online);
  return {
    userId,
    online,
    version,
    lastSeenMs: wallMsOf(update.lastSeenAt),
    status,
    cause,
    deviceId,
    instanceId,
    shard,
  };
}

export function changeOfView({
  userId,
  online,
  version,
  lastSeenAt,
  status: told,
  shard,
}: UserPresence): PresenceChange {
  const unknown = { cause: undefined, deviceId: undefined, instanceId: undefined };
  const status = userStatusOf(told, online);
  return { userId, online, version, lastSeenMs: wallMsOf(lastSeenAt), status, ...unknown, shard };
}

/** Online or offline as before. */
export function isOfStatusAlone({ cause }: Pick<PresenceChange, "cause">): boolean {
  return cause === TransitionCause.TRANSITION_CAUSE_STATUS;
}
