import assert from "node:assert/strict";
import { test } from "node:test";
import { topicNames } from "./topics.ts";

test("a topic has its own name, unless another that ends with it is listed, or it is given one", () => {
  const names = topicNames(["presence.events.v1", "prod.contact.added", "user.blocked", "contact.removed=gone"]);
  assert.deepEqual(names, {
    "conversation.events.v1": "conversation.events.v1",
    "contact.added": "prod.contact.added",
    "contact.removed": "gone",
    "user.blocked": "user.blocked",
    "user.unblocked": "user.unblocked",
  });
});

test("a renaming that means nothing is refused, naming what there is", () => {
  assert.throws(() => topicNames(["contacts.added=x"]), /contacts\.added, which is none of conversation\.events\.v1/);
  assert.throws(() => topicNames(["contact.added="]), /contact\.added= does not name a topic/);
  assert.throws(() => topicNames(["contact.added=a b"]), /does not name a topic/);
  assert.throws(() => topicNames(["contact.added=contact.removed"]), /two topics have one name/);
});
