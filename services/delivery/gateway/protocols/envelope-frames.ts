import { plainStatus, type UserStatus, wireAvailabilityOf } from "@realchat/presence-client";
import { events, presence, type Timestamp } from "@realchat/presence-proto";
import type { FrameFormat } from "../../push/frame-format.ts";
import { noTransition, type ShownUser } from "../../push/shown-user.ts";
import { binaryFrame } from "./message-frame.ts";

/** The name by which a client can ask for what it gets without a sub-protocol too. */
export const envelopeProtocol = "realchat.presence.v1.envelope";

/** What clients without a sub-protocol get: one EventEnvelope per user, PRESENCE_UPDATED. */
export const envelopeFrames: FrameFormat = {
  isBinary: true,
  includesDevices: false,
  snapshot: envelopesOf,
  presence: envelopesOf,
  // These clients know no more than online and offline. Without a version: it says nothing about the user's state.
  hidden: (userIds) => userIds.map((userId) => envelopeOf({ ...nobody, userId }, 0)),
  stale: () => [],
  pong: () => [],
};

const nobody: ShownUser = {
  ...{ userId: "", online: false, lastSeenMs: 0, ...noTransition },
  ...{ devices: undefined, status: plainStatus(false) },
};

const { PRESENCE_STATUS_ONLINE, PRESENCE_STATUS_OFFLINE } = presence.PresenceStatus;

function envelopesOf(users: readonly ShownUser[], version: number): Buffer[] {
  return users.map((user) => envelopeOf(user, version));
}

// The times are those of the version: when somebody came or went is not for everybody.
function envelopeOf(user: ShownUser, version: number): Buffer {
  const { userId, online, cause, deviceId, lastSeenMs, status } = user;
  const payload = presence.PresenceUpdateEvent.encode({
    ...{ userId, version, deviceId },
    status: online ? PRESENCE_STATUS_ONLINE : PRESENCE_STATUS_OFFLINE,
    occurredAt: Math.floor(version / 1_000_000),
    cause: cause as presence.TransitionCause,
    // Which of our machines somebody is connected to is nobody's business.
    instanceId: "",
    lastSeenAt: momentOf(lastSeenMs),
    shard: 0,
    userStatus: status === plainStatus(online) ? undefined : userStatusOf(status),
  }).finish();
  const envelope = events.EventEnvelope.encode({
    eventType: events.EventType.EVENT_TYPE_PRESENCE_UPDATED,
    schemaVersion: 1,
    occurredAt: version === 0 ? undefined : timestampOf(version),
    payload: Buffer.from(payload),
  }).finish();
  return binaryFrame(envelope);
}

function userStatusOf({ availability, text, emoji, untilMs, idleSinceMs }: UserStatus): presence.UserStatus {
  const moments = { until: momentOf(untilMs), idleSince: momentOf(idleSinceMs) };
  return { availability: wireAvailabilityOf(availability), text, emoji, ...moments };
}

/** @param ms 0: none */
function momentOf(ms: number): Timestamp | undefined {
  return ms === 0 ? undefined : timestampOf(ms * 1000);
}

function timestampOf(us: number): Timestamp {
  return { seconds: Math.floor(us / 1_000_000), nanos: (us % 1_000_000) * 1000 };
}
