import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plainStatus } from "@realchat/presence-client";
import { events, presence } from "@realchat/presence-proto";
import type { ShownUser } from "../../push/shown-user.ts";
import { envelopeFrames } from "./envelope-frames.ts";
import { jsonFrames } from "./json-frames.ts";

/** Of the frames. */
const version = 1_790_000_010_123_456;

const online: ShownUser = {
  userId: "ada",
  online: true,
  cause: presence.TransitionCause.TRANSITION_CAUSE_CONNECTED,
  deviceId: "phone",
  atUs: 1_790_000_000_123_456,
  lastSeenMs: 0,
  status: plainStatus(true),
  devices: ["phone"],
};
const offline: ShownUser = {
  ...online,
  userId: "bob",
  online: false,
  cause: presence.TransitionCause.TRANSITION_CAUSE_EXPIRED,
  lastSeenMs: 1_789_999_940_000,
  status: plainStatus(false),
  devices: [],
};
const unheard: ShownUser = {
  ...offline,
  userId: "eve",
  cause: 0,
  deviceId: "",
  atUs: 0,
  lastSeenMs: 0,
  devices: undefined,
};
const inMeeting: ShownUser = {
  ...online,
  status: {
    ...{ availability: "do-not-disturb", text: "in a meeting", emoji: "📅" },
    ...{ untilMs: 1_790_000_900_000, idleSinceMs: 1_790_000_003_000 },
  },
};

/** First bytes of a frame that is a whole message. Source: RFC 6455 §5.2 */
const text = 0x81;
const binary = 0x82;

/** @returns the payload of one such frame of less than 64 KiB */
function payloadOf(frame: Buffer, first: number): Buffer {
  assert.equal(frame[0], first);
  const isShort = (frame[1] as number) < 126;
  const payload = frame.subarray(isShort ? 2 : 4);
  assert.equal(isShort ? frame[1] : frame.readUInt16BE(2), payload.length);
  return payload;
}

describe("JSON frames", () => {
  const read = (frames: Buffer[]) => frames.map((frame) => JSON.parse(payloadOf(frame, text).toString()));

  test("tell each user's state, and what is known besides", () => {
    assert.deepEqual(read(jsonFrames.presence([online, offline, unheard], version)), [
      {
        type: "presence",
        users: [
          {
            ...{ id: "ada", online: true, version },
            ...{ cause: "connected", at: 1_790_000_000_123, device: "phone", devices: ["phone"] },
          },
          {
            ...{ id: "bob", online: false, version, lastSeen: 1_789_999_940_000 },
            ...{ cause: "expired", at: 1_790_000_000_123, device: "phone", devices: [] },
          },
          { id: "eve", online: false, version },
        ],
      },
    ]);
  });

  test("tell a status that is not the plain one, beside why and when the user came", () => {
    const gone: ShownUser = { ...offline, status: { ...offline.status, text: "back on Monday" } };
    const [frame] = read(jsonFrames.presence([inMeeting, gone], version));
    assert.deepEqual(frame.users, [
      {
        ...{ id: "ada", online: true, version },
        ...{ cause: "connected", at: 1_790_000_000_123, device: "phone", devices: ["phone"] },
        ...{ availability: "do_not_disturb", idleSince: 1_790_000_003_000 },
        status: { text: "in a meeting", emoji: "📅", until: 1_790_000_900_000 },
      },
      {
        ...{ id: "bob", online: false, version, lastSeen: 1_789_999_940_000 },
        ...{ cause: "expired", at: 1_790_000_000_123, device: "phone", devices: [] },
        status: { text: "back on Monday" },
      },
    ]);
  });

  test("name every cause of coming and going, and tell a change whose cause only a later one knows without it", () => {
    const causesOf = (causes: readonly number[]) =>
      read(
        jsonFrames.presence(
          causes.map((cause) => ({ ...offline, cause })),
          version,
        ),
      ).flatMap(({ users }) => users.map((user: { cause?: string; at?: number }) => [user.cause, user.at]));
    const { TRANSITION_CAUSE_STATUS } = presence.TransitionCause;
    const numbers = Object.values(presence.TransitionCause).filter(
      (cause) => cause > 0 && cause !== TRANSITION_CAUSE_STATUS,
    );
    assert.deepEqual(
      causesOf(numbers),
      numbers.map((cause) => {
        const name = presence.transitionCauseToJSON(cause).replace("TRANSITION_CAUSE_", "").toLowerCase();
        return [name, 1_790_000_000_123];
      }),
    );
    assert.deepEqual(causesOf([99]), [[undefined, 1_790_000_000_123]]);
  });

  test("are one per snapshot, even an empty one, and one for all who are hidden", () => {
    assert.deepEqual(read(jsonFrames.snapshot([], version)), [{ type: "snapshot", users: [] }]);
    assert.deepEqual(read(jsonFrames.hidden(["ada", "bob"])), [{ type: "hidden", users: ["ada", "bob"] }]);
  });

  test("say whether dots may not be current, and answer the client's heartbeat", () => {
    assert.deepEqual(read(jsonFrames.stale(true)), [{ type: "stale", stale: true }]);
    assert.deepEqual(read(jsonFrames.stale(false)), [{ type: "stale", stale: false }]);
    assert.deepEqual(read(jsonFrames.pong()), [{ type: "pong" }]);
  });
});

describe("envelope frames", () => {
  const read = (frames: Buffer[]) =>
    frames.map((frame) => {
      const envelope = events.EventEnvelope.decode(payloadOf(frame, binary));
      return { envelope, update: presence.PresenceUpdateEvent.decode(envelope.payload) };
    });

  test("are what today's clients know: an envelope per user, PRESENCE_UPDATED", () => {
    const [ada, bob] = read(envelopeFrames.presence([online, offline], version));
    assert.equal(ada?.envelope.eventType, events.EventType.EVENT_TYPE_PRESENCE_UPDATED);
    assert.equal(ada.envelope.schemaVersion, 1);
    assert.deepEqual(ada.envelope.occurredAt, { seconds: 1_790_000_010, nanos: 123_456_000 });
    assert.deepEqual(
      [ada.update.userId, ada.update.status, ada.update.occurredAt, ada.update.version],
      ["ada", presence.PresenceStatus.PRESENCE_STATUS_ONLINE, 1_790_000_010, version],
    );
    assert.equal(bob?.update.status, presence.PresenceStatus.PRESENCE_STATUS_OFFLINE);
    assert.deepEqual(bob.update.lastSeenAt, { seconds: 1_789_999_940, nanos: 0 });
  });

  test("tell a status that is not the plain one", () => {
    const [busy, plain] = read(envelopeFrames.snapshot([inMeeting, online], version));
    assert.deepEqual(busy?.update.userStatus, {
      availability: presence.Availability.AVAILABILITY_DO_NOT_DISTURB,
      ...{ text: "in a meeting", emoji: "📅" },
      until: { seconds: 1_790_000_900, nanos: 0 },
      idleSince: { seconds: 1_790_000_003, nanos: 0 },
    });
    assert.equal(plain?.update.userStatus, undefined);
  });

  test("say of one who is hidden that he is offline, without a version that would outdo later ones", () => {
    const [hidden] = read(envelopeFrames.hidden(["eve"]));
    assert.deepEqual([hidden?.update.userId, hidden?.update.version], ["eve", 0]);
    assert.equal(hidden?.update.status, presence.PresenceStatus.PRESENCE_STATUS_OFFLINE);
  });

  test("have no word for what today's clients do not know", () => {
    assert.deepEqual([envelopeFrames.stale(true), envelopeFrames.stale(false), envelopeFrames.pong()], [[], [], []]);
  });
});
