import assert from "node:assert/strict";
import { test } from "node:test";
import { kafkaTopics, knownTopics } from "./kafka-topics.ts";

const standard = Object.fromEntries(knownTopics.map((topic) => [topic, topic]));

test("a topic has its own name, unless another that ends with it is listed, or it is given one", () => {
  assert.deepEqual(kafkaTopics([]), standard);
  assert.deepEqual(
    kafkaTopics(["message.events.v1", "prod.contact.added", "user.blocked", "contact.removed=gone", "no-user.blocked"]),
    { ...standard, "contact.added": "prod.contact.added", "contact.removed": "gone", "user.blocked": "user.blocked" },
  );
});

test("presence's topic is named as the others are", () => {
  const nameOf = (...entries: string[]) => kafkaTopics(entries)["presence.events.v1"];
  assert.equal(nameOf("presence.events.v1=who-is-there"), "who-is-there");
  assert.equal(nameOf("contact.added", "prod.presence.events.v1"), "prod.presence.events.v1");
  assert.equal(nameOf("omnipresence.events.v1"), "presence.events.v1");
});

test("a renaming wins over a name that fits, wherever it stands", () => {
  assert.equal(kafkaTopics(["contact.added=friends", "old.contact.added"])["contact.added"], "friends");
  assert.equal(kafkaTopics(["old.contact.added", "contact.added=friends"])["contact.added"], "friends");
});

test("a list that does not name each topic once is refused, with the known topics", () => {
  const refused = (message: RegExp, ...entries: string[]) =>
    assert.throws(() => kafkaTopics(entries), { name: "TypeError", message });
  refused(/^contacts\.added=x renames contacts\.added, which is none of conversation\.events\.v1/, "contacts.added=x");
  refused(/^=x renames , which is none of/, "=x");
  refused(/^contact\.added= does not name a topic/, "contact.added=");
  refused(/^presence\.events\.v1= does not name a topic/, "presence.events.v1=");
  refused(/^contact\.added=a b does not name a topic/, "contact.added=a b");
  refused(/^contact\.added=a=b does not name a topic/, "contact.added=a=b");
  refused(/^two topics have one name, contact\.removed/, "contact.added=contact.removed");
  refused(/^two topics have one name, user\.blocked/, "presence.events.v1=user.blocked");
  refused(/^a\.user\.blocked and b\.user\.blocked both stand for user\.blocked/, "a.user.blocked", "b.user.blocked");
  refused(/both stand for presence\.events\.v1/, "presence.events.v1=a", "presence.events.v1=b");
});
