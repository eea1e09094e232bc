import assert from "node:assert/strict";
import { test } from "node:test";
import { rpcCodes } from "@realchat/presence-rpc";
import { startPresence, startRedis } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import { shardOf } from "../domain/shard.ts";
import { shardKeys } from "../store/redis/keys.ts";
import { connectPresence } from "../testing/presence-client.ts";

const shards = 16;

test("of a batch, a failing shard and a full Redis fail only what is theirs", async (t) => {
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
  const devices = (from: number) =>
    Array.from({ length: 100 }, (_, user) => ({ userId: `user-${from + user}`, deviceId: "phone" }));
  const register = async (from: number) => {
    const sessions = devices(from).map((device) => ({
      ...device,
      instanceId: "gateway-1",
      connectionId: device.userId,
    }));
    return (await api.registerSessions({ sessions })).results;
  };

  const first = await register(0);
  assert.ok(first.every(({ code, session }) => code === 0 && session !== undefined));

  const { log } = shardKeys(shards)[3] as { log: string };
  // In one step, here and below: a tick that finds no log takes the shard for one that lost its data.
  await admin.multi().rename(log, `${log}:aside`).set(log, "not a stream").exec();
  const isBroken = ({ userId }: { userId: string }) => shardOf(userId, shards) === 3;
  const withBroken = await register(100);
  for (const [place, device] of devices(100).entries()) {
    const { code, message } = withBroken[place] ?? assert.fail("one answer each");
    assert.equal(code, isBroken(device) ? rpcCodes.UNAVAILABLE : rpcCodes.OK, message);
  }
  assert.ok(devices(100).some(isBroken));
  await admin.rename(`${log}:aside`, log);

  await admin.configSet("maxmemory", "1mb");
  for (const { code, message } of await register(200)) assert.equal(code, rpcCodes.UNAVAILABLE, message);
  const ends = devices(0).map((device, place) => ({ ...device, sessionId: first[place]?.session?.sessionId ?? "" }));
  const { results } = await api.unregisterSessions({ sessions: ends });
  assert.ok(results.every(({ code }) => code === rpcCodes.OK));
  const { presences } = await api.getPresence({ userIds: ends.map(({ userId }) => userId) });
  assert.ok(presences.every(({ online }) => !online));
});
