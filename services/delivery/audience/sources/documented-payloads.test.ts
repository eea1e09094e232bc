import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { conversation, events } from "@realchat/presence-proto";
import { systemClock } from "@realchat/presence-runtime/clock";
import { MemoryDirectory } from "../memory/memory-directory.ts";
import { decodeRecord } from "./decode-record.ts";
import { importAudience } from "./import-audience.ts";

const document = readFileSync(join(import.meta.dirname, "../../../../docs/audience.md"), "utf8");

/** The first block of JSON behind these words. */
function exampleBehind(words: string): string {
  const [, after] = document.split(words);
  const [, example] = /```json\n([^`]*)```/.exec(after ?? "") ?? [];
  assert.ok(example, `no example behind ${words}`);
  return example;
}

function enveloped(eventType: events.EventType, payload: Uint8Array): Uint8Array {
  const envelope = events.EventEnvelope.fromPartial({ eventType, schemaVersion: 1, payload: Buffer.from(payload) });
  return events.EventEnvelope.encode(envelope).finish();
}

describe("what docs/audience.md gives to paste", () => {
  test("of contacts and blocks says what it is said to say", () => {
    const contact = Buffer.from(exampleBehind("### contact.added"));
    const block = Buffer.from(exampleBehind("### user.blocked"));
    assert.deepEqual(decodeRecord("contact.added", { value: contact }), {
      kind: "contact-added",
      userId: "ann",
      contactId: "bob",
    });
    assert.deepEqual(decodeRecord("user.blocked", { value: block }), {
      kind: "blocked",
      userId: "ann",
      blockedId: "cid",
    });
    for (const [, key, line] of document.matchAll(/^(\w+)\|(\{.*\})$/gm)) {
      const change = decodeRecord("contact.added", { value: Buffer.from(line ?? "") });
      assert.equal(change?.kind === "contact-added" && change.userId, key);
    }
  });

  test("of conversations says what it is said to say", () => {
    // Protobuf's JSON has the fields' names also as the .proto files write them.
    const messageBehind = (words: string) =>
      JSON.parse(exampleBehind(words).replace(/_([a-z])(?=\w*":)/g, (_, letter: string) => letter.toUpperCase()));
    const created = conversation.ConversationCreatedEvent.fromPartial(
      messageBehind("`EVENT_TYPE_CONVERSATION_CREATED`"),
    );
    const changed = conversation.MembershipChangedEvent.fromPartial(messageBehind("`EVENT_TYPE_MEMBERSHIP_CHANGED`"));
    const { EVENT_TYPE_CONVERSATION_CREATED, EVENT_TYPE_MEMBERSHIP_CHANGED } = events.EventType;
    const records = [
      enveloped(EVENT_TYPE_CONVERSATION_CREATED, conversation.ConversationCreatedEvent.encode(created).finish()),
      enveloped(EVENT_TYPE_MEMBERSHIP_CHANGED, conversation.MembershipChangedEvent.encode(changed).finish()),
    ];
    assert.deepEqual(
      records.map((record) => decodeRecord("conversation.events.v1", { value: record })),
      [
        { kind: "conversation", conversationId: "room", participants: ["ann", "bob"] },
        { kind: "joined", conversationId: "room", userId: "cid" },
      ],
    );
  });

  test("as a file shows ann and bob to each other", async () => {
    const directory = new MemoryDirectory({}, systemClock);
    await importAudience(directory, Readable.from([exampleBehind("## A file")]));
    assert.deepEqual((await directory.visibleTo("ann", 10)).users, ["bob"]);
  });
});
