import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { startPresence, startRedis, waitUntil } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import { PresenceChannels } from "../grpc/presence-channels.ts";
import type { SessionHandle } from "./session-handle.ts";
import { SessionKeeper } from "./session-keeper.ts";

const ttlMs = 3_000;

/** A gateway with 100 sessions online, and the Redis behind its presence. */
async function gateway(t: TestContext) {
  const redis = await startRedis();
  const env = { REDIS_URL: redis.url, SESSION_TTL: `${ttlMs / 1_000}s`, SHARDS: "16" };
  const node = await startPresence({ env });
  const channels = new PresenceChannels({ addresses: [node.grpcAddress] });
  const keeper = new SessionKeeper({ channels, instanceId: "gw-1" });
  const admin = createClient({ url: redis.url });
  await admin.connect();
  t.after(async () => {
    await keeper.drain({ deadlineMs: 100 });
    await channels.close();
    admin.destroy();
    await node.kill();
    await redis.stop();
  });
  const open = (userId: string) => keeper.open({ userId, deviceId: "phone" });
  const handles = Array.from({ length: 100 }, (_, user) => open(`user-${user}`));
  await Promise.all(handles.map((handle) => handle.untilOnline()));
  return { channels, keeper, admin, open, handles };
}

type Gateway = Awaited<ReturnType<typeof gateway>>;

/** Fails unless all were online, and never had to come back, for three times to live. */
async function assertAllLiveOn({ channels, keeper }: Gateway, handles: readonly SessionHandle[]): Promise<void> {
  const endMs = systemClock.monotonicMs() + 3 * ttlMs;
  while (systemClock.monotonicMs() < endMs) {
    const { presences } = await channels.api.getPresence({ userIds: handles.map(({ userId }) => userId) });
    const offline = presences.filter(({ online }) => !online).map(({ userId }) => userId);
    assert.deepEqual(offline, []);
    await pause(systemClock, 200);
  }
  assert.ok(handles.every(({ state }) => state === "online"));
  const { returns, outages } = keeper.metrics();
  assert.deepEqual({ returns, outages }, { returns: 0, outages: 0 });
}

// At once: they wait.
describe("one fault, each on a stage of its own", { concurrency: 3 }, () => {
  test("Redis has no memory for registrations: a newcomer waits, and 100 sessions live on (P1)", async (t) => {
    const stage = await gateway(t);
    await stage.admin.configSet("maxmemory", "1mb");
    const newcomer = stage.open("new");
    await waitUntil(() => stage.keeper.metrics().callFailures > 0, { what: "its registration fails" });
    await assertAllLiveOn(stage, stage.handles);
    assert.equal(newcomer.state, "registering");
    const leaving = stage.handles[0];
    await leaving?.close("logged-out");
    await stage.admin.configSet("maxmemory", "0");
    await newcomer.untilOnline();
  });

  test("a user's record is of a wrong type: that user waits, others come, and 100 sessions live on (P1)", async (t) => {
    const stage = await gateway(t);
    const { admin, open, keeper, handles } = stage;
    const record = "presence:{03}:u:user-123";
    await admin.lPush(record, "y");
    const broken = open("user-123");
    await waitUntil(() => keeper.metrics().callFailures > 0, { what: "its registration fails" });
    const others = Array.from({ length: 20 }, (_, user) => open(`other-${user}`));
    await Promise.all(others.map((handle) => handle.untilOnline()));
    await assertAllLiveOn(stage, [...handles, ...others]);
    assert.equal(broken.state, "registering");
    await admin.del(record);
    await broken.untilOnline();
  });

  test("one shard fails all that is asked of it: the sessions of all others live on (P1)", async (t) => {
    const stage = await gateway(t);
    const { admin, channels, handles } = stage;
    const { presences } = await channels.api.getPresence({ userIds: handles.map(({ userId }) => userId) });
    const inShard3 = new Set(presences.filter(({ shard }) => shard === 3).map(({ userId }) => userId));
    assert.ok(inShard3.size > 0);
    await admin.del("presence:{03}:deadlines");
    await admin.set("presence:{03}:deadlines", "not a sorted set");
    await assertAllLiveOn(
      stage,
      handles.filter(({ userId }) => !inShard3.has(userId)),
    );
  });
});
