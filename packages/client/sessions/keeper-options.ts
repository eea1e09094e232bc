import { type Clock, systemClock } from "@realchat/presence-runtime/clock";
import type { Tracer } from "@realchat/presence-runtime/tracer";
import type { PresenceAccess } from "../grpc/presence-channels.ts";
import { PresenceClientError } from "../presence-client-error.ts";
import type { StatusKeeper } from "../status/status-keeper.ts";
import { type OnListenerError, throwUncaught } from "../tell.ts";
import { checkId } from "./session-ids.ts";

export interface SessionKeeperOptions {
  /** Such as PresenceChannels; it stays open when the keeper ends. */
  readonly channels: PresenceAccess;
  /** Names this gateway to those who look up a user's devices. */
  readonly instanceId: string;
  /**
   * Whether one heartbeat is to keep all sessions, where presence has leases; default true. Then the users of a process that
   * dies are offline after 15 s, by presence's default, and a drain is one call.
   */
  readonly leases?: boolean;
  readonly limits?: Partial<KeeperLimits>;
  /**
   * Hears of what your listeners throw or reject with. Default: the process takes it for an exception that nobody
   * caught. Either way the others are told, and sessions are as if it had not happened.
   */
  readonly onListenerError?: OnListenerError;
  /** Traces registrations and ends, each by itself; default: nobody does. */
  readonly tracer?: Tracer | undefined;
  /** Says again what it set of users when presence may have lost it; default: there is none. */
  readonly statuses?: Pick<StatusKeeper, "sayAgain"> | undefined;
  readonly clock?: Clock;
}

export interface KeeperLimits {
  /** Sessions kept at once; default 100,000. Beyond: `open` throws. */
  readonly sessionsMax: number;
  /** Closed sessions that presence is still to be told of; default 100,000. Beyond: the oldest expires by itself. */
  readonly closingsMax: number;
  /** Registrations and unregistrations together that are begun in a second; default 2,000. */
  readonly callsPerSecond: number;
  /** Registrations and unregistrations under way at once; default 1,000. */
  readonly callsMax: number;
  /** Sessions in one RefreshSessions, RegisterSessions or UnregisterSessions call; default and most 1,000. */
  readonly batchMaxSessions: number;
  /** RefreshSessions calls under way at once; default 16. */
  readonly batchesMax: number;
  /** Milliseconds that a call may take; default 3,000. */
  readonly callTimeoutMs: number;
}

const defaultLimits: KeeperLimits = {
  sessionsMax: 100_000,
  closingsMax: 100_000,
  callsPerSecond: 2_000,
  callsMax: 1_000,
  batchMaxSessions: 1_000,
  batchesMax: 16,
  callTimeoutMs: 3_000,
};

interface KeeperSettings {
  readonly channels: PresenceAccess;
  readonly instanceId: string;
  readonly leases: boolean;
  readonly limits: KeeperLimits;
  readonly onListenerError: OnListenerError;
  readonly tracer: Tracer | undefined;
  readonly statuses: Pick<StatusKeeper, "sayAgain"> | undefined;
  readonly clock: Clock;
}

/** @throws PresenceClientError INVALID_ARGUMENT naming the option */
export function keeperSettings({
  channels,
  instanceId,
  leases = true,
  limits: given,
  onListenerError = throwUncaught,
  tracer,
  statuses,
  clock = systemClock,
}: SessionKeeperOptions): KeeperSettings {
  checkId("instanceId", instanceId);
  const limits = { ...defaultLimits, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (!(value > 0))
      throw new PresenceClientError("INVALID_ARGUMENT", `limits.${name} is ${value}: give a positive number`);
  }
  if (limits.batchMaxSessions > 1_000) {
    const message = `limits.batchMaxSessions is ${limits.batchMaxSessions}: presence takes 1000 sessions in a batch`;
    throw new PresenceClientError("INVALID_ARGUMENT", message);
  }
  return { channels, instanceId, leases, limits, onListenerError, tracer, statuses, clock };
}
