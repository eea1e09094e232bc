import assert from "node:assert/strict";
import { test } from "node:test";
import { startPresence, startRedis } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import { shardOf } from "../domain/shard.ts";
import { shardKeys } from "../store/redis/keys.ts";
import { connectPresence } from "../testing/presence-client.ts";

const shards = 16;

test("a batch of heartbeats is answered for each session, if the caller asks for that: a failing shard fails only its own", async (t) => {
  const redis = await startRedis();
  const node = await startPresence({ env: { REDIS_URL: redis.url, SHARDS: String(shards) } });
  const { api, close } = connectPresence(node.grpcAddress);
  const admin = createClient({ url: redis.url });
  await admin.connect();
  t.after(async () => {
    admin.destroy();
    close();
    await node.kill();
    await redis.stop();
  });

  const sessions = await Promise.all(
    Array.from({ length: 100 }, async (_, user) => {
      const device = { userId: `user-${user}`, deviceId: "phone" };
      const connectionId = `socket-${user}`;
      const { sessionId } = await api.registerSession({ ...device, connectionId, instanceId: "gateway-1" });
      return { ...device, sessionId };
    }),
  );
  const isBroken = ({ userId }: { userId: string }) => shardOf(userId, shards) === 3;
  const broken = sessions.filter(isBroken);
  assert.ok(broken.length > 0 && broken.length < 50);
  const { deadlines } = shardKeys(shards)[3] as { deadlines: string };
  await admin.del(deadlines);
  await admin.set(deadlines, "not a sorted set");

  const healthy = sessions.find((session) => !isBroken(session));
  const gone = { userId: healthy?.userId ?? "", deviceId: "tv", sessionId: "1.c" };
  const answer = await api.refreshSessions({ sessions: [...sessions, gone], partial: true });
  const sorted = (some: readonly { userId: string }[]) => some.map(({ userId }) => userId).toSorted();
  assert.deepEqual(sorted(answer.unconfirmed), sorted(broken));
  assert.deepEqual(answer.missing, [gone]);
  assert.deepEqual(answer.superseded, []);

  const unavailable = { code: "UNAVAILABLE", message: /something of another type under a key of this service/ };
  await assert.rejects(
    api.refreshSessions({ sessions }),
    unavailable,
    "a caller that does not ask for it gets an error",
  );
  await assert.rejects(api.refreshSessions({ sessions: broken, partial: true }), unavailable, "it says why");
  await admin.del(deadlines);
});
