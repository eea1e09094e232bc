import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { conversation, events } from "@realchat/presence-proto";
import { everything, merge, nothing, type Policy, serialise, storedPolicy } from "../../privacy/policy.ts";
import { decodeRecord } from "./decode-record.ts";

function envelope(eventType: events.EventType, payload: Uint8Array): Uint8Array {
  return events.EventEnvelope.encode(
    events.EventEnvelope.fromPartial({ eventType, schemaVersion: 1, payload: Buffer.from(payload) }),
  ).finish();
}

const json = (content: unknown) => Buffer.from(JSON.stringify(content));

test("a created conversation has the participants of both fields, each once", () => {
  const payload = conversation.ConversationCreatedEvent.encode({
    conversation: { conversationId: "room", participantUserIds: ["ann", "bob"] },
    participantUserIds: ["bob", "cid"],
  }).finish();
  const record = envelope(events.EventType.EVENT_TYPE_CONVERSATION_CREATED, payload);
  assert.deepEqual(decodeRecord("conversation.events.v1", { value: record }), {
    kind: "conversation",
    conversationId: "room",
    participants: ["ann", "bob", "cid"],
  });
});

test("membership says who joined and who left", () => {
  const kindOf = (added: boolean) => {
    const payload = conversation.MembershipChangedEvent.encode({
      conversationId: "room",
      userId: "ann",
      added,
    }).finish();
    const value = envelope(events.EventType.EVENT_TYPE_MEMBERSHIP_CHANGED, payload);
    return decodeRecord("conversation.events.v1", { value });
  };
  assert.deepEqual(kindOf(true), { kind: "joined", conversationId: "room", userId: "ann" });
  assert.deepEqual(kindOf(false), { kind: "left", conversationId: "room", userId: "ann" });
});

test("other events of conversations say nothing about who may see whom", () => {
  const record = envelope(events.EventType.EVENT_TYPE_MESSAGE_SENT, Buffer.from("hello"));
  assert.equal(decodeRecord("conversation.events.v1", { value: record }), undefined);
});

test("contacts and blocks are JSON; unknown fields are passed over", () => {
  const contact = json({ user_id: "ann", contact_id: "bob", since: 3 });
  const block = json({ user_id: "ann", blocked: "bob" });
  assert.deepEqual(decodeRecord("contact.added", { value: contact }), {
    kind: "contact-added",
    userId: "ann",
    contactId: "bob",
  });
  assert.equal(decodeRecord("contact.removed", { value: contact })?.kind, "contact-removed");
  assert.deepEqual(decodeRecord("user.blocked", { value: block }), {
    kind: "blocked",
    userId: "ann",
    blockedId: "bob",
  });
  assert.equal(decodeRecord("user.unblocked", { value: block })?.kind, "unblocked");
});

test("a malformed record is refused with what is wrong with it", () => {
  const refusals: [Parameters<typeof decodeRecord>[0], Uint8Array, RegExp][] = [
    ["contact.added", Buffer.from("{"), /is no JSON/],
    ["contact.added", Buffer.from([0x22, 0xff, 0x22]), /is no JSON/],
    ["contact.added", new Uint8Array(), /is no JSON/],
    ["contact.added", json(null), /is no JSON object/],
    ["contact.added", json({ user_id: "ann" }), /contact_id that is no id/],
    ["contact.added", json({ user_id: 7, contact_id: "bob" }), /user_id that is no id/],
    ["user.blocked", json({ user_id: "ann", blocked: "a\nb" }), /blocked that is no id/],
    ["user.blocked", json({ user_id: "a".repeat(129), blocked: "bob" }), /limit|1 to 128 bytes/],
    ["conversation.events.v1", Buffer.from("rubbish!"), /is no EventEnvelope/],
    [
      "conversation.events.v1",
      envelope(events.EventType.EVENT_TYPE_CONVERSATION_CREATED, Buffer.from("rubbish!")),
      /is no ConversationCreatedEvent/,
    ],
    ["presence.privacy", json({ invisible: true }), /has a key that is no id/],
    [
      "conversation.events.v1",
      envelope(events.EventType.EVENT_TYPE_CONVERSATION_CREATED, new Uint8Array()),
      /conversation_id that is no id/,
    ],
  ];
  for (const [topic, value, message] of refusals) {
    assert.throws(() => decodeRecord(topic, { key: Buffer.from("a\nb"), value }), { name: "MalformedRecord", message });
  }
});

describe("a policy", () => {
  const decode = (value: string | Uint8Array | undefined) =>
    decodeRecord("presence.privacy", {
      ...{ key: Buffer.from("ann"), value: Buffer.from(value ?? ""), isTombstone: value === undefined },
    });
  const stored = (policy: Policy) => ({ kind: "policy", userId: "ann", policy: storedPolicy(policy) });

  test("is the key's, whole; a tombstone, or the default, takes back what was said", () => {
    assert.deepEqual(decode('{"invisible":true}'), stored(merge(everything, { invisible: true })));
    for (const value of [undefined, "{}", serialise(everything)]) {
      assert.deepEqual(decode(value), { kind: "policy", userId: "ann", policy: "" });
    }
  });

  test("that cannot be read is malformed, and hides its user", () => {
    for (const value of ["", "{", new Uint8Array([0xff]), '{"except":7}']) {
      assert.throws(() => decode(value), { name: "MalformedRecord", message: /is no policy/, change: stored(nothing) });
    }
  });
});
