import {
  type PresenceApi,
  PresenceClientError,
  type PresenceClientErrorCode,
  type presence,
  userStatusOf,
} from "@realchat/presence-client";
import { durationMs } from "@realchat/presence-proto";
import type { Dot } from "./push/dot.ts";
import { LookupRefused, type PresenceLookup } from "./push/presence-lookup.ts";

const timeoutMs = 5_000;

/** Status codes for a request that presence refuses, or a record that it cannot read. */
const refusals: ReadonlySet<PresenceClientErrorCode> = new Set([
  "INVALID_ARGUMENT",
  "FAILED_PRECONDITION",
  "OUT_OF_RANGE",
  "DATA_LOSS",
  "INTERNAL",
  "UNKNOWN",
]);

/** Push's look-ups as GetPresence calls. */
export function presenceLookup(api: PresenceApi): PresenceLookup {
  return async (userIds) => {
    const { presences, recovering, lastSeenRetention, data } = await ask(api, userIds);
    const lastSeenRetentionMs = lastSeenRetention === undefined ? 0 : durationMs(lastSeenRetention);
    const dots = presences.filter(({ unknown }) => !unknown).map(dotOf);
    return {
      dots,
      recovering,
      dataSince: new Map(data.map(({ shard, since }) => [shard, since])),
      lastSeenRetentionMs,
    };
  };
}

async function ask(api: PresenceApi, userIds: readonly string[]): Promise<presence.GetPresenceResponse> {
  try {
    return await api.getPresence({ userIds: [...userIds] }, { timeoutMs });
  } catch (error) {
    if (error instanceof PresenceClientError && refusals.has(error.code))
      throw new LookupRefused(error.message, { cause: error });
    throw error;
  }
}

// While the last device is in grace, none is listed; dots do not change when it stays or comes back.
function dotOf({ userId, online, version, deviceIds, lastSeenAt, status, shard }: presence.UserPresence): Dot {
  const lastSeenMs = lastSeenAt === undefined ? 0 : lastSeenAt.seconds * 1000 + Math.floor(lastSeenAt.nanos / 1e6);
  return {
    userId,
    online,
    version,
    devices: online && deviceIds.length === 0 ? undefined : deviceIds,
    lastSeenMs,
    status: userStatusOf(status, online),
    shard,
    cause: 0,
    deviceId: "",
    atUs: 0,
  };
}
