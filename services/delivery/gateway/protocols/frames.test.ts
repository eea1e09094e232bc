import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { events, presence } from "@realchat/presence-proto";
import type { Dot } from "../../push/dot.ts";
import { envelopeFrames } from "./envelope-frames.ts";
import { jsonFrames } from "./json-frames.ts";

const online: Dot = {
  userId: "ada",
  online: true,
  version: 1_790_000_000_123_456,
  cause: presence.TransitionCause.TRANSITION_CAUSE_CONNECTED,
  deviceId: "phone",
  instanceId: "gateway-7",
  lastSeenMs: 0,
  shard: 5,
  devices: ["phone"],
};
const offline: Dot = {
  ...online,
  userId: "bob",
  online: false,
  cause: presence.TransitionCause.TRANSITION_CAUSE_EXPIRED,
  lastSeenMs: 1_789_999_940_000,
  devices: [],
};
const unheard: Dot = { ...offline, userId: "eve", cause: 0, deviceId: "", lastSeenMs: 0, devices: undefined };

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
    assert.deepEqual(read(jsonFrames.presence([online, offline, unheard])), [
      {
        type: "presence",
        users: [
          {
            ...{ id: "ada", online: true, version: 1_790_000_000_123_456 },
            ...{ cause: "connected", at: 1_790_000_000_123, device: "phone", devices: ["phone"] },
          },
          {
            ...{ id: "bob", online: false, version: 1_790_000_000_123_456, lastSeen: 1_789_999_940_000 },
            ...{ cause: "expired", at: 1_790_000_000_123, device: "phone", devices: [] },
          },
          { id: "eve", online: false, version: 1_790_000_000_123_456 },
        ],
      },
    ]);
  });

  test("name every cause of the contract, and tell a change whose cause only a later one knows without it", () => {
    const causesOf = (causes: readonly number[]) =>
      read(jsonFrames.presence(causes.map((cause) => ({ ...offline, cause })))).flatMap(({ users }) =>
        users.map((user: { cause?: string; at?: number }) => [user.cause, user.at]),
      );
    const numbers = Object.values(presence.TransitionCause).filter((cause) => cause > 0);
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
    assert.deepEqual(read(jsonFrames.snapshot([])), [{ type: "snapshot", users: [] }]);
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
    const [ada, bob] = read(envelopeFrames.presence([online, offline]));
    assert.equal(ada?.envelope.eventType, events.EventType.EVENT_TYPE_PRESENCE_UPDATED);
    assert.equal(ada.envelope.schemaVersion, 1);
    assert.deepEqual(ada.envelope.occurredAt, { seconds: 1_790_000_000, nanos: 123_456_000 });
    assert.deepEqual(
      [ada.update.userId, ada.update.status, ada.update.occurredAt, ada.update.version],
      ["ada", presence.PresenceStatus.PRESENCE_STATUS_ONLINE, 1_790_000_000, 1_790_000_000_123_456],
    );
    assert.equal(bob?.update.status, presence.PresenceStatus.PRESENCE_STATUS_OFFLINE);
    assert.deepEqual(bob.update.lastSeenAt, { seconds: 1_789_999_940, nanos: 0 });
  });

  test("say of one who is hidden that he is offline, without a version that would outdo later ones", () => {
    const [hidden] = read(envelopeFrames.hidden(["eve"]));
    assert.deepEqual([hidden?.update.userId, hidden?.update.version], ["eve", 0]);
    assert.equal(hidden?.update.status, presence.PresenceStatus.PRESENCE_STATUS_OFFLINE);
  });

  test("have no word for what today's clients do not know", () => {
    assert.deepEqual([envelopeFrames.stale(true), envelopeFrames.stale(false), envelopeFrames.pong()], [[], [], []]);
  });

  test("nobody is told which of our machines somebody is connected to", () => {
    const [frame] = envelopeFrames.presence([online]);
    assert.ok(!frame?.includes("gateway-7"));
    assert.ok(!jsonFrames.snapshot([online])[0]?.includes("gateway-7"));
  });
});
