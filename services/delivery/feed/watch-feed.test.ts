import assert from "node:assert/strict";
import { test } from "node:test";
import type { PresenceAccess, presence } from "@realchat/presence-client";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { WatchFeed } from "./watch-feed.ts";

function message(fields: Partial<presence.WatchPresenceResponse>): presence.WatchPresenceResponse {
  return { snapshot: [], snapshotComplete: false, updates: [], reset: false, recovering: false, ...fields };
}

function view(userId: string, version: number): presence.UserPresence {
  const plain = { deviceIds: [], lastSeenAt: undefined, shard: 0, status: undefined, unknown: false };
  return { userId, online: true, version, ...plain };
}

test("while presence recovers the feed is ready, and tells nobody to be gone; afterwards it tells who is (P8)", async () => {
  const clock = new FakeClock();
  const steps: presence.WatchPresenceResponse[] = [];
  let wake = Promise.withResolvers<void>();
  const say = async (...messages: presence.WatchPresenceResponse[]) => {
    steps.push(...messages);
    wake.resolve();
    await clock.advance(0);
  };
  const api = {
    async *watchPresence(_: unknown, { signal }: { signal: AbortSignal }) {
      while (!signal.aborted) {
        for (const step of steps.splice(0)) yield step;
        wake = Promise.withResolvers();
        signal.addEventListener("abort", () => wake.resolve(), { once: true });
        await wake.promise;
      }
    },
    getPresence: async () => ({ presences: [{ ...view("bob", 9), online: false }], recovering: false }),
  };
  const channels = { api, onServing: () => () => {} } as unknown as PresenceAccess;
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
