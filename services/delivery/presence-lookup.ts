import type { PresenceApi, presence } from "@realchat/presence-client";
import type { Dot } from "./push/dot.ts";
import type { PresenceLookup } from "./push/presence-lookup.ts";

/** Push's look-ups as GetPresence calls. */
export function presenceLookup(api: PresenceApi): PresenceLookup {
  return async (userIds) => {
    const { presences, recovering } = await api.getPresence({ userIds: [...userIds] }, { timeoutMs: 5_000 });
    return { dots: presences.filter(({ unknown }) => !unknown).map(dotOf), recovering };
  };
}

function dotOf({ userId, online, version, deviceIds, lastSeenAt, shard }: presence.UserPresence): Dot {
  const lastSeenMs = lastSeenAt === undefined ? 0 : lastSeenAt.seconds * 1000 + Math.floor(lastSeenAt.nanos / 1e6);
  return { userId, online, version, devices: deviceIds, lastSeenMs, shard, cause: 0, deviceId: "", instanceId: "" };
}
