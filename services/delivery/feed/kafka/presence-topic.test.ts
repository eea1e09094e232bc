import assert from "node:assert/strict";
import { test } from "node:test";
import { presenceTopic } from "./presence-topic.ts";

test("presence's topic is found among a deployment's, by its name, a prefix before it, or a new name", () => {
  assert.equal(presenceTopic([]), "presence.events.v1");
  assert.equal(presenceTopic(["contact.added", "message.events.v1"]), "presence.events.v1");
  assert.equal(presenceTopic(["contact.added", "prod.presence.events.v1"]), "prod.presence.events.v1");
  assert.equal(presenceTopic(["presence.events.v1=who-is-there"]), "who-is-there");
  assert.equal(presenceTopic(["omnipresence.events.v1"]), "presence.events.v1");
});
