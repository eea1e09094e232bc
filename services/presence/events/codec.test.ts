import assert from "node:assert/strict";
import { test } from "node:test";
import { events, presence } from "@realchat/presence-proto";
import { transitionCauses } from "../domain/transition.ts";
import { encodeEnvelope, encodeUpdate } from "./codec.ts";
import { sampleReset, sampleTransition } from "./testing/sample-transition.ts";

const left = sampleTransition({
  userId: "user:1 é",
  online: false,
  cause: "CONNECTION_LOST",
  lastSeenMs: 1_789_997_595_250,
});

// Made by `buf convert proto --type realchat.… --from event.json#format=json`, which shares no code with ours.
const leftUpdate =
  "0a09757365723a3120c3a910021880f7c4d50620c0849fd1edff96032804320570686f6e653a09676174657761792d37420b089be4c4d506" +
  "1080e59a77480b";
const leftEnvelope = `081610011a0b0880f7c4d506108094ef3a223f${leftUpdate}`;

test("an offline event equals, byte for byte, that of another protobuf implementation", () => {
  assert.equal(encodeUpdate(left).toString("hex"), leftUpdate);
  assert.equal(encodeEnvelope(left).toString("hex"), leftEnvelope);
});

test("an envelope says what happened and when, to the microsecond, and holds the update", () => {
  const envelope = events.EventEnvelope.decode(encodeEnvelope(left));
  assert.equal(envelope.eventType, events.EventType.EVENT_TYPE_USER_OFFLINE);
  assert.equal(envelope.schemaVersion, 1);
  assert.deepEqual(envelope.occurredAt, { seconds: 1_790_000_000, nanos: 123_456_000 });
  assert.deepEqual(presence.PresenceUpdateEvent.decode(envelope.payload), {
    userId: "user:1 é",
    status: presence.PresenceStatus.PRESENCE_STATUS_OFFLINE,
    occurredAt: 1_790_000_000,
    version: 1_790_000_000_123_456,
    cause: presence.TransitionCause.TRANSITION_CAUSE_CONNECTION_LOST,
    deviceId: "phone",
    instanceId: "gateway-7",
    lastSeenAt: { seconds: 1_789_997_595, nanos: 250_000_000 },
    shard: 11,
    userStatus: undefined,
  });
});

test("a changed status is an event of its own, with the status that there is now", () => {
  const status = {
    availability: "AWAY",
    text: "lunch",
    emoji: "🥗",
    untilMs: 1_790_000_100_000,
    idleSinceMs: 0,
  } as const;
  const changed = sampleTransition({ cause: "STATUS", deviceId: "", instanceId: "", status });
  const { eventType, payload } = events.EventEnvelope.decode(encodeEnvelope(changed));
  assert.equal(eventType, events.EventType.EVENT_TYPE_USER_STATUS_CHANGED);
  const { userStatus, status: online, cause } = presence.PresenceUpdateEvent.decode(payload);
  assert.equal(online, presence.PresenceStatus.PRESENCE_STATUS_ONLINE);
  assert.equal(cause, presence.TransitionCause.TRANSITION_CAUSE_STATUS);
  assert.deepEqual(userStatus, {
    ...{ availability: presence.Availability.AVAILABILITY_AWAY, text: "lunch", emoji: "🥗" },
    ...{ until: { seconds: 1_790_000_100, nanos: 0 }, idleSince: undefined },
  });
});

test("an online event has no last_seen", () => {
  const envelope = events.EventEnvelope.decode(encodeEnvelope(sampleTransition({ lastSeenMs: 5 })));
  const update = presence.PresenceUpdateEvent.decode(envelope.payload);
  assert.equal(envelope.eventType, events.EventType.EVENT_TYPE_USER_ONLINE);
  assert.equal(update.status, presence.PresenceStatus.PRESENCE_STATUS_ONLINE);
  assert.equal(update.lastSeenAt, undefined);
});

// As above, of {"shard": 11, "begin": "1789999999000000"}.
test("a reset equals, byte for byte, that of another protobuf implementation", () => {
  const reset = "081710011a0b0880f7c4d50610e89bef3a220b080b10c0bbdad0edff9603";
  assert.equal(encodeEnvelope(sampleReset()).toString("hex"), reset);
});

test("a message that cannot be written leaves nothing in the next one", () => {
  assert.throws(() => encodeEnvelope(sampleTransition({ shard: 2 ** 31 })));
  assert.equal(encodeEnvelope(left).toString("hex"), leftEnvelope);
});

test("every cause has its own value on the wire", () => {
  const sent = transitionCauses.map((cause) =>
    presence.PresenceUpdateEvent.decode(encodeUpdate(sampleTransition({ cause }))),
  );
  assert.deepEqual(
    sent.map((update) => presence.transitionCauseToJSON(update.cause)),
    transitionCauses.map((cause) => `TRANSITION_CAUSE_${cause}`),
  );
});
