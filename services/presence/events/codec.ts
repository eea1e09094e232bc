import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { events, presence, type Timestamp } from "@realchat/presence-proto";
import { type CompleteMark, isMark, type PublishedEntry } from "../domain/log-entry.ts";
import { availabilities, type UserStatus } from "../domain/status.ts";
import { type Transition, transitionCauses } from "../domain/transition.ts";

/** Version of the envelope's payload; grows only when consumers must tell the shapes apart. */
const schemaVersion = 1;

const { EventType, EventEnvelope } = events;
const { PresenceResetEvent, PresenceStatus, PresenceUpdateEvent } = presence;

/** One for all messages: it keeps its memory, and to give it some costs as much as to write an event. */
const writer = new BinaryWriter();

/**
 * A transition as an envelope (USER_ONLINE, USER_OFFLINE or USER_STATUS_CHANGED) around a PresenceUpdateEvent; a complete mark as one
 * (PRESENCE_RESET) around a PresenceResetEvent.
 */
export function encodeEnvelope(entry: PublishedEntry): Buffer {
  const envelope = {
    eventType: eventTypeOf(entry),
    schemaVersion,
    occurredAt: timestampOfUs(entry.version),
    payload: isMark(entry) ? encodeReset(entry) : encodeUpdate(entry),
  };
  return written(() => EventEnvelope.encode(envelope, writer));
}

function eventTypeOf(entry: PublishedEntry): events.EventType {
  if (isMark(entry)) return EventType.EVENT_TYPE_PRESENCE_RESET;
  if (entry.cause === "STATUS") return EventType.EVENT_TYPE_USER_STATUS_CHANGED;
  return entry.online ? EventType.EVENT_TYPE_USER_ONLINE : EventType.EVENT_TYPE_USER_OFFLINE;
}

function encodeReset({ shard, begin }: CompleteMark): Buffer {
  return written(() => PresenceResetEvent.encode({ shard, begin }, writer));
}

/** The transition as a bare PresenceUpdateEvent. */
export function encodeUpdate(transition: Transition): Buffer {
  return written(() => PresenceUpdateEvent.encode(presenceUpdateOf(transition), writer));
}

/** The transition in the contract's words. */
export function presenceUpdateOf(transition: Transition): presence.PresenceUpdateEvent {
  const { userId, online, version, cause, deviceId, instanceId, lastSeenMs, shard, status } = transition;
  return {
    userId,
    status: online ? PresenceStatus.PRESENCE_STATUS_ONLINE : PresenceStatus.PRESENCE_STATUS_OFFLINE,
    occurredAt: Math.floor(version / 1_000_000),
    version,
    cause: transitionCauses.indexOf(cause) as presence.TransitionCause,
    deviceId,
    instanceId,
    lastSeenAt: online || lastSeenMs === 0 ? undefined : timestampOfUs(lastSeenMs * 1000),
    shard,
    userStatus: status && userStatusOf(status),
  };
}

/** A status in the contract's words. */
export function userStatusOf({ availability, text, emoji, untilMs, idleSinceMs }: UserStatus): presence.UserStatus {
  const momentOf = (ms: number) => (ms === 0 ? undefined : timestampOfUs(ms * 1000));
  return {
    availability: availabilities.indexOf(availability) as presence.Availability,
    ...{ text, emoji, until: momentOf(untilMs), idleSince: momentOf(idleSinceMs) },
  };
}

function timestampOfUs(us: number): Timestamp {
  const microseconds = us % 1_000_000;
  return { seconds: (us - microseconds) / 1_000_000, nanos: microseconds * 1000 };
}

function written(write: () => BinaryWriter): Buffer {
  try {
    write();
  } catch (error) {
    // What it wrote so far must not stand before the next message.
    writer.finish();
    throw error;
  }
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
