import assert from "node:assert/strict";
import { test } from "node:test";
import { PresenceChannels } from "@realchat/presence-client";
import { systemClock } from "@realchat/presence-runtime/clock";
import { startPresence, waitUntil } from "@realchat/presence-testing";
import type { PresenceUpdate } from "./feed.ts";
import { WatchFeed } from "./watch-feed.ts";

test("it tells every change of everyone, and after a cut that something may be missing", async (t) => {
  let presence = await startPresence();
  const { grpcAddress } = presence;
  const channels = new PresenceChannels({ addresses: [grpcAddress], clock: systemClock });
  const feed = new WatchFeed({ channels, clock: systemClock, onEnd: assert.ifError });
  t.after(async () => {
    await feed.stop();
    await channels.close();
    await presence.kill();
  });
  const updates: PresenceUpdate[] = [];
  let gaps = 0;
  const untilReady = (ready: boolean) =>
    waitUntil(() => feed.health().ready === ready, {
      what: `the feed is ${ready ? "" : "not "}ready`,
    });

  await feed.start({ update: (update) => updates.push(update), gap: () => gaps++, reset: () => assert.fail() });
  await untilReady(true);
  const session = { userId: "ada", deviceId: "phone", instanceId: "gw", connectionId: "c1", previousSessionId: "" };
  await channels.api.registerSession(session);
  const online = await waitUntil(() => updates.find(({ userId }) => userId === "ada"), { what: "ada is told" });
  assert.deepEqual([online?.online, online?.deviceId, online?.cause], [true, "phone", 1]);

  const before = gaps;
  await presence.kill();
  await untilReady(false);
  presence = await startPresence({ env: { GRPC_ADDR: grpcAddress } });
  await untilReady(true);
  assert.ok(gaps > before, "no gap was told");
  const { records, faults, usersRemembered } = feed.metrics();
  // Ada came; and may have been gone when presence, which keeps nothing, was back.
  assert.deepEqual({ ...records, told: 0 }, { told: 0, repeated: 0, outdated: 0, unreadable: 0 });
  assert.equal(records.told, updates.length);
  assert.equal(faults.gap, 1);
  assert.ok(faults.failure >= 1);
  assert.equal(usersRemembered, 1);
});
