import assert from "node:assert/strict";
import { test } from "node:test";
import type { PresenceAccess } from "@realchat/presence-client";
import { presence } from "@realchat/presence-proto";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { PushHarness } from "../push/testing/push-harness.ts";
import { WatchFeed } from "./watch-feed.ts";

function message(fields: Partial<presence.WatchPresenceResponse>): presence.WatchPresenceResponse {
  return { snapshot: [], snapshotComplete: false, updates: [], reset: false, recovering: false, ...fields };
}

function view(userId: string, version: number): presence.UserPresence {
  const plain = { deviceIds: [], lastSeenAt: undefined, shard: 0, status: undefined, unknown: false };
  return { userId, online: true, version, ...plain };
}

const { PRESENCE_STATUS_ONLINE, PRESENCE_STATUS_OFFLINE } = presence.PresenceStatus;
const { TRANSITION_CAUSE_CONNECTED, TRANSITION_CAUSE_DISCONNECTED } = presence.TransitionCause;

function update(userId: string, online: boolean, version: number): presence.WatchPresenceResponse {
  const status = online ? PRESENCE_STATUS_ONLINE : PRESENCE_STATUS_OFFLINE;
  const cause = online ? TRANSITION_CAUSE_CONNECTED : TRANSITION_CAUSE_DISCONNECTED;
  const by = { occurredAt: 0, cause, deviceId: "phone", instanceId: "gw", userStatus: undefined };
  return message({ updates: [{ userId, version, status, lastSeenAt: undefined, shard: 0, ...by }] });
}

/** Presence as a feed has it: a stream that says what a test says, and answers. */
function presenceSays(clock: FakeClock, answer: () => Pick<presence.GetPresenceResponse, "presences" | "recovering">) {
  const steps: presence.WatchPresenceResponse[] = [];
  let wake = Promise.withResolvers<void>();
  const api = {
    async *watchPresence(_: unknown, { signal }: { signal: AbortSignal }) {
      while (!signal.aborted) {
        for (const step of steps.splice(0)) yield step;
        wake = Promise.withResolvers();
        signal.addEventListener("abort", () => wake.resolve(), { once: true });
        await wake.promise;
      }
    },
    getPresence: async () => answer(),
  };
  const say = async (...messages: presence.WatchPresenceResponse[]) => {
    steps.push(...messages);
    wake.resolve();
    await clock.advance(0);
  };
  return { channels: { api, onServing: () => () => {} } as unknown as PresenceAccess, say };
}

test("while presence recovers the feed is ready, and tells nobody to be gone; afterwards it tells who is (P8)", async () => {
  const clock = new FakeClock();
  const gone = { ...view("bob", 9), online: false };
  const { channels, say } = presenceSays(clock, () => ({ presences: [gone], recovering: false }));
  const feed = new WatchFeed({ channels, clock, onEnd: assert.ifError });
  const told: string[] = [];
  await feed.start({
    update: ({ userId, online }) => told.push(`${online ? "+" : "-"}${userId}`),
    gap: () => told.push("gap"),
    reset: () => assert.fail(),
  });
  await say(message({ snapshot: [view("ann", 1), view("bob", 2)], snapshotComplete: true }));
  assert.deepEqual(told.splice(0), ["+ann", "+bob", "gap"]);

  await say(message({ recovering: true }));
  await clock.advance(30_000);
  const { ready, detail } = feed.health();
  assert.deepEqual([ready, detail], [true, "watches everyone; presence lost data, and recovers"]);
  assert.deepEqual(told.splice(0), [], "nothing was missed: everyone who is watched would be looked up in vain");

  await say(message({ reset: true, snapshot: [view("ann", 101)], snapshotComplete: true }));
  assert.deepEqual(told.splice(0), ["-bob", "gap"]);
  assert.ok(feed.health().ready);
  assert.equal(feed.floorOf(), 0);
  await feed.stop();
});

test("who comes back between a look-up and the watch's own question is not left grey (P1)", async () => {
  const harness = new PushHarness();
  const { clock, push } = harness;
  harness.befriend("ann", "bob");
  const came = harness.set("bob", true);
  // The node that the watch asks has not heard yet that the shard has recovered; the one that push asks has.
  const lagging = () => ({ presences: [{ ...view("bob", 0), online: false }], recovering: true });
  const { channels, say } = presenceSays(clock, lagging);
  const feed = new WatchFeed({ channels, clock, onEnd: assert.ifError });
  await feed.start(push);
  await say(message({ snapshot: [view("bob", came.version)], snapshotComplete: true }));
  const page = harness.connect("ann");
  await harness.settle();
  assert.deepEqual(page.received(), ["snapshot bob+"]);

  harness.set("bob", false);
  await say(message({ recovering: true }), message({ reset: true, snapshotComplete: true }));
  await harness.settle();
  assert.deepEqual(page.received(), ["presence bob-"]);

  await say(update("bob", true, harness.set("bob", true).version));
  await harness.settle();
  assert.deepEqual(page.received(), ["presence bob+"]);
  await feed.stop();
  push.close();
});

test("of who came and left between two looks, the look-up of the one does not stay (P2)", async () => {
  const harness = new PushHarness();
  const { clock, push } = harness;
  harness.befriend("ann", "bob");
  const { channels, say } = presenceSays(clock, () => assert.fail("nobody is in doubt"));
  const feed = new WatchFeed({ channels, clock, onEnd: assert.ifError });
  await feed.start(push);
  await say(message({ snapshotComplete: true }));
  harness.set("bob", true);
  const page = harness.connect("ann");
  await harness.settle();
  assert.deepEqual(page.received(), ["snapshot bob+"]);

  // The stream leaves out what it was too slow to tell.
  await say(update("bob", false, harness.set("bob", false).version));
  await harness.settle();
  assert.deepEqual(page.received(), ["presence bob-"]);
  await feed.stop();
  push.close();
});
