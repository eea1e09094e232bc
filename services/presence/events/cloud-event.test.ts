import assert from "node:assert/strict";
import { test } from "node:test";
import { cloudEventOf } from "./cloud-event.ts";
import { sampleReset, sampleTransition } from "./testing/sample-transition.ts";

test("a transition is a CloudEvent that shard and version identify, whichever node sends it", () => {
  assert.deepEqual(cloudEventOf(sampleTransition({ userId: "a:b é" }), "/realchat/presence"), {
    specversion: "1.0",
    id: "11:1790000000123456",
    source: "/realchat/presence",
    type: "realchat.presence.v1.UserOnline",
    time: "2026-09-21T14:13:20.123456Z",
    subject: "a:b é",
    datacontenttype: "application/protobuf",
  });
  assert.equal(cloudEventOf(sampleTransition({ online: false }), "/x").type, "realchat.presence.v1.UserOffline");
  assert.equal(
    cloudEventOf(sampleTransition({ cause: "STATUS" }), "/x").type,
    "realchat.presence.v1.UserStatusChanged",
  );
});

test("a reset is a CloudEvent without subject", () => {
  const { subject, type, id } = cloudEventOf(sampleReset(), "/x");
  assert.deepEqual([subject, type, id], [undefined, "realchat.presence.v1.PresenceReset", "11:1790000000123457"]);
});

test("times keep their microseconds, leading zeros included", () => {
  const timeOf = (version: number) => cloudEventOf(sampleTransition({ version }), "/x").time;
  assert.equal(timeOf(1_790_000_000_000_007), "2026-09-21T14:13:20.000007Z");
  assert.equal(timeOf(1_790_000_000_999_999), "2026-09-21T14:13:20.999999Z");
});
