import assert from "node:assert/strict";
import { test } from "node:test";
import { topicNames } from "./topics.ts";

test("topics have their own names unless they are renamed", () => {
  const names = topicNames(["presence.events.v1", "contact.added=prod.contact.added", "user.blocked"]);
  assert.equal(names["contact.added"], "prod.contact.added");
  assert.equal(names["contact.removed"], "contact.removed");
  assert.equal(names["conversation.events.v1"], "conversation.events.v1");
});

test("a renaming that means nothing is refused, naming what there is", () => {
  assert.throws(() => topicNames(["contacts.added=x"]), /contacts\.added, which is none of conversation\.events\.v1/);
  assert.throws(() => topicNames(["contact.added="]), /contact\.added= does not name a topic/);
  assert.throws(() => topicNames(["contact.added=a b"]), /does not name a topic/);
  assert.throws(() => topicNames(["contact.added=contact.removed"]), /two topics have one name/);
});
