import assert from "node:assert/strict";
import { test } from "node:test";
import { events, presence } from "@realchat/presence-proto";
import { contentOf } from "./event-record.ts";

const { EventType } = events;

function value(eventType: events.EventType, payload: Uint8Array): Uint8Array {
  return events.EventEnvelope.encode({
    eventType,
    schemaVersion: 1,
    occurredAt: { seconds: 1_790_000_000, nanos: 0 },
    payload: Buffer.from(payload),
  }).finish();
}

test("users who come and go are updates", () => {
  const update = presence.PresenceUpdateEvent.create({ userId: "alice", version: 17 });
  const payload = presence.PresenceUpdateEvent.encode(update).finish();
  for (const eventType of [EventType.EVENT_TYPE_USER_ONLINE, EventType.EVENT_TYPE_USER_OFFLINE]) {
    const content = contentOf({ value: value(eventType, payload) });
    assert.equal(content.kind, "update");
    assert.deepEqual(content.update, update);
    assert.equal(content.envelope.schemaVersion, 1);
  }
});

test("a restated shard is a reset", () => {
  const payload = presence.PresenceResetEvent.encode({ shard: 3, begin: 17 }).finish();
  const content = contentOf({ value: value(EventType.EVENT_TYPE_PRESENCE_RESET, payload) });
  assert.equal(content.kind, "reset");
  assert.deepEqual(content.reset, { shard: 3, begin: 17 });
});

test("events of others, deletion marks and rubbish are told apart, and stop nobody", () => {
  const other = value(EventType.EVENT_TYPE_MESSAGE_SENT, Buffer.from([0xff]));
  assert.equal(contentOf({ value: other }).kind, "other");
  assert.equal(contentOf({ value: new Uint8Array() }).kind, "other");
  assert.equal(contentOf({ value: Buffer.from("not protobuf at all") }).kind, "unreadable");
  const broken = value(EventType.EVENT_TYPE_USER_ONLINE, Buffer.from([0xff, 0xff]));
  assert.equal(contentOf({ value: broken }).kind, "unreadable");
});
