import { plainStatus, type UserStatus, wireAvailabilityOf } from "@realchat/presence-client";
import { events, presence, type Timestamp } from "@realchat/presence-proto";
import type { Dot } from "../../push/dot.ts";
import type { FrameFormat } from "../../push/frame-format.ts";
import { binaryFrame } from "./message-frame.ts";

/** The name by which a client can ask for what it gets without a sub-protocol too. */
export const envelopeProtocol = "realchat.presence.v1.envelope";

/** What clients without a sub-protocol get: one EventEnvelope per user, PRESENCE_UPDATED. */
export const envelopeFrames: FrameFormat = {
  isBinary: true,
  includesDevices: false,
  snapshot: (dots) => dots.map(envelopeOf),
  presence: (dots) => dots.map(envelopeOf),
  // These clients know no more than online and offline. Without a version: it says nothing about the user's state.
  hidden: (userIds) => userIds.map((userId) => envelopeOf({ ...nobody, userId })),
  stale: () => [],
  pong: () => [],
};

const nobody: Dot = {
  userId: "",
  online: false,
  version: 0,
  cause: presence.TransitionCause.TRANSITION_CAUSE_UNSPECIFIED,
  deviceId: "",
  atUs: 0,
  lastSeenMs: 0,
  status: plainStatus(false),
  shard: 0,
  devices: undefined,
};

const { PRESENCE_STATUS_ONLINE, PRESENCE_STATUS_OFFLINE } = presence.PresenceStatus;

function envelopeOf(dot: Dot): Buffer {
  const payload = presence.PresenceUpdateEvent.encode({
    userId: dot.userId,
    status: dot.online ? PRESENCE_STATUS_ONLINE : PRESENCE_STATUS_OFFLINE,
    occurredAt: Math.floor(dot.version / 1_000_000),
    version: dot.version,
    cause: dot.cause as presence.TransitionCause,
    deviceId: dot.deviceId,
    // Which of our machines somebody is connected to is nobody's business.
    instanceId: "",
    lastSeenAt: momentOf(dot.lastSeenMs),
    shard: 0,
    userStatus: dot.status === plainStatus(dot.online) ? undefined : userStatusOf(dot.status),
  }).finish();
  const envelope = events.EventEnvelope.encode({
    eventType: events.EventType.EVENT_TYPE_PRESENCE_UPDATED,
    schemaVersion: 1,
    occurredAt: dot.version === 0 ? undefined : timestampOf(dot.version),
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
