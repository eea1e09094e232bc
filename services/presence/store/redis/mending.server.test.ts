import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { startPresence, startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient, type RedisClientType } from "@redis/client";
import { defaultRules } from "../../domain/decisions.ts";
import { figure } from "../../tests/fleet.ts";
import { connectPresence } from "../../tests/presence-client.ts";
import { type ShardKeys, sessionMember, shardKeys } from "./keys.ts";
import type { RedisStore } from "./redis-store.ts";
import { register, storeOn } from "./testing/open-store.ts";

const keys = shardKeys(1)[0] as ShardKeys;
const everyShard: ReadonlySet<number> = new Set([0]);

describe("sessions without a deadline (P2)", () => {
  let redis: TestRedis;
  let admin: RedisClientType;
  let store: RedisStore;
  before(async () => {
    redis = await startRedis();
    admin = createClient({ url: redis.url });
    await admin.connect();
  });
  after(async () => {
    admin.destroy();
    await redis.stop();
  });
  beforeEach(async () => {
    await admin.flushAll();
    store = storeOn(redis, { shards: 1 });
    await store.open();
    await store.tick(0, 100);
  });
  afterEach(() => store.close());

  async function walk(shards = everyShard): Promise<number> {
    let [cursor, mended] = ["", 0];
    do {
      const step = await store.mend(cursor, shards);
      cursor = step.cursor;
      mended += step.mended;
    } while (cursor !== "");
    return mended;
  }

  test("get one, a TTL from now; in grace the grace; a second walk finds nothing to do", async () => {
    const ids = Array.from({ length: 700 }, (_, index) => `user-${index}`);
    await Promise.all(ids.map((userId) => register(store, { userId, connectionId: "c" })));
    const lost = await register(store, { userId: "lost" });
    assert(lost.kind === "registered");
    await store.unregister({ userId: "lost", deviceId: "phone", sessionId: lost.sessionId, reason: "CONNECTION_LOST" });
    await admin.sendCommand(["SET", `${keys.recordPrefix}broken`, "1garbage\n\t\t\x1f"]);
    await admin.sendCommand(["RPUSH", `${keys.recordPrefix}list`, "x"]);
    await admin.sendCommand(["SET", "presence:{99}:u:foreign", "1 1\nphone\t5\x1fg"]);
    await admin.del(keys.deadlines);
    assert.equal(await walk(new Set()), 0, "of other shards it mends nobody");
    assert.equal(await walk(), 701);
    const { clockMs, sessions } = await store.tick(0, 0);
    assert.equal(sessions, 701);
    const scoreOf = async (member: string) => Number(await admin.zScore(keys.deadlines, member)) - clockMs;
    const first = (await admin.zRange(keys.deadlines, 0, 0))[0];
    assert.equal(first, "lost\0\0phone");
    const graceMs = await scoreOf("lost\0\0phone");
    assert(graceMs > defaultRules.graceMs - 2_000 && graceMs <= defaultRules.graceMs, `grace of ${graceMs} ms`);
    const last = (await admin.zRange(keys.deadlines, -1, -1))[0] as string;
    const leftMs = await scoreOf(last);
    assert(leftMs > defaultRules.ttlMs - 2_000 && leftMs <= defaultRules.ttlMs, `${leftMs} ms left`);
    assert.equal(await walk(), 0);
  });

  test("get one instead of a deadline beyond all times to live, and keep one that is not", async () => {
    const members: string[] = [];
    for (const userId of ["anna", "ben", "cleo"]) {
      const result = await register(store, { userId });
      assert(result.kind === "registered");
      members.push(sessionMember(userId, result.sessionId));
    }
    const { clockMs } = await store.tick(0, 0);
    const [anna = "", ben = "", cleo = ""] = members;
    const hourMs = 3_600_000;
    await admin.sendCommand(["ZADD", keys.deadlines, "+inf", anna, String(clockMs + 25 * hourMs), ben]);
    await admin.sendCommand(["ZADD", keys.deadlines, String(clockMs + hourMs), cleo]);
    assert.equal(await walk(), 2);
    const deadlines = await admin.sendCommand(["ZMSCORE", keys.deadlines, anna, ben, cleo]);
    const [ofAnna, ofBen, ofCleo] = (deadlines as unknown as string[]).map((score) => Number(score) - clockMs);
    assert(Number(ofAnna) < 2 * defaultRules.ttlMs && Number(ofBen) < 2 * defaultRules.ttlMs);
    assert.equal(ofCleo, hourMs);
  });
});

test("whoever is online without a deadline leaves by the node's own doing; living sessions stay (P1, P2)", async (t) => {
  const redis = await startRedis();
  const node = await startPresence({
    env: { REDIS_URL: redis.url, SHARDS: "1", EVENTS: "redis-pubsub", SESSION_TTL: "2s" },
  });
  const client = connectPresence(node.grpcAddress);
  const admin = createClient({ url: redis.url });
  await admin.connect();
  t.after(async () => {
    admin.destroy();
    client.close();
    await node.stop();
    await redis.stop();
  });
  const session = { deviceId: "phone", instanceId: "gateway-1", connectionId: "c" };
  for (const userId of ["ghost", "alive"]) await client.api.registerSession({ ...session, userId });
  const { sessionId } = await client.api.registerSession({ ...session, userId: "alive" });
  await admin.del(keys.deadlines);
  const onlineNow = async () => {
    await client.api.refreshSession({ userId: "alive", deviceId: "phone", sessionId });
    const { presences } = await client.api.getPresence({ userIds: ["ghost", "alive"] });
    return presences.map(({ online }) => online);
  };
  await waitUntil(async () => !(await onlineNow())[0], { what: "the ghost leaves" });
  assert.deepEqual(await onlineNow(), [false, true]);
  assert((await figure(node, "presence_deadlines_mended_total")) >= 1);
  assert.match(node.logs(), /sessions had no deadline and got one/);
});
