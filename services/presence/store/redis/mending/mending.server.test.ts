import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { settleStore, startPresence, startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient, type RedisClientType } from "@redis/client";
import { defaultRules } from "../../../domain/rules.ts";
import { metricOf } from "../../../testing/fleet.ts";
import { connectPresence } from "../../../testing/presence-client.ts";
import { type ShardKeys, sessionMember, shardKeys } from "../keys.ts";
import type { RedisStore } from "../redis-store.ts";
import { refresh, register, storeOn } from "../testing/open-store.ts";

const keys = shardKeys(1)[0] as ShardKeys;
const everyShard: ReadonlySet<number> = new Set([0]);

describe("what does not fit (P1, P2): sessions without a deadline", () => {
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
    await settleStore(redis.url, 1);
    store = storeOn(redis, { shards: 1 });
    await store.open();
    await store.tick(0, 100);
  });
  afterEach(() => store.close());

  /** @returns sessions that got a deadline, deadlines dropped, shards recounted */
  async function walk(shards = everyShard): Promise<readonly [number, number, number]> {
    let cursor = "";
    let [given, dropped, recounted] = [0, 0, 0];
    do {
      const step = await store.mend(cursor, shards);
      cursor = step.cursor;
      given += step.given;
      dropped += step.dropped;
      recounted += step.recounted;
    } while (cursor !== "");
    return [given, dropped, recounted];
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
    assert.deepEqual(await walk(new Set()), [0, 0, 0], "of other shards it mends nobody");
    assert.deepEqual(await walk(), [701, 0, 0]);
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
    assert.deepEqual(await walk(), [0, 0, 0]);
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
    assert.deepEqual(await walk(), [2, 0, 0]);
    const deadlines = await admin.sendCommand(["ZMSCORE", keys.deadlines, anna, ben, cleo]);
    const [ofAnna, ofBen, ofCleo] = (deadlines as unknown as string[]).map((score) => Number(score) - clockMs);
    assert(Number(ofAnna) < 2 * defaultRules.ttlMs && Number(ofBen) < 2 * defaultRules.ttlMs);
    assert.equal(ofCleo, hourMs);
  });

  test("get none back when their record was deleted: the next heartbeat finds them missing", async () => {
    const ids = Array.from({ length: 700 }, (_, index) => `user-${index}`);
    const sessions = new Map<string, string>();
    for (const userId of ids) {
      const result = await register(store, { userId, connectionId: "c" });
      assert(result.kind === "registered");
      sessions.set(userId, result.sessionId);
    }
    const grace = await register(store, { userId: "user-0", deviceId: "tablet", connectionId: "t" });
    assert(grace.kind === "registered");
    const lost = { userId: "user-0", deviceId: "tablet", sessionId: grace.sessionId } as const;
    await store.unregister({ ...lost, reason: "CONNECTION_LOST" });
    const beat = (userId: string) => refresh(store, { userId, sessionId: sessions.get(userId) as string });

    await admin.del([...["user-1", "user-2", "user-3"].map((userId) => keys.recordPrefix + userId)]);
    await register(store, { userId: "user-2", deviceId: "laptop", connectionId: "other" });
    await admin.sendCommand(["SET", `${keys.recordPrefix}user-4`, "garbage"]);
    await admin.del(`${keys.recordPrefix}user-5`);
    await admin.sendCommand(["RPUSH", `${keys.recordPrefix}user-5`, "x"]);
    await admin.sendCommand(["ZADD", keys.deadlines, "+inf", "no member of ours"]);
    assert.equal((await beat("user-1")).kind, "refreshed", "nobody has noticed yet");

    assert.deepEqual(await walk(new Set()), [0, 0, 0], "of other shards it drops nothing");
    const { sessions: before } = await store.tick(0, 0);
    assert.deepEqual(await walk(), [0, 4, 0]);
    assert.equal((await store.tick(0, 0)).sessions, before - 4);
    for (const userId of ["user-1", "user-2", "user-3"]) assert.equal((await beat(userId)).kind, "missing", userId);
    for (const userId of ["user-0", "user-4", "user-5", "user-699"]) {
      assert.equal((await beat(userId)).kind, "refreshed", `${userId}: what cannot be read says nothing`);
    }
    assert.notEqual(await admin.zScore(keys.deadlines, "user-0\0\0tablet"), null, "a grace stays");
    assert.deepEqual((await walk()).slice(0, 2), [0, 0]);
  });

  test("nor is a number of users online that drifted: two walks that find the same set it right", async () => {
    for (const userId of ["anna", "ben", "cleo", "dora"]) {
      await register(store, { userId, connectionId: "c" });
      await register(store, { userId, deviceId: "laptop", connectionId: "l" });
    }
    const usersOnline = async () => (await store.tick(0, 0)).usersOnline;
    assert.deepEqual([await walk(), await walk(), await usersOnline()], [[0, 0, 0], [0, 0, 0], 4]);
    for (const [wrong, difference] of [
      ["9", 5],
      ["-3", -7],
      ["0", -4],
    ] as const) {
      await admin.hSet(keys.meta, "online", wrong);
      assert.deepEqual(await walk(), [0, 0, 0], "once may be a change under way");
      assert.equal(await usersOnline(), 4 + difference);
      assert.deepEqual(await walk(), [0, 0, 1]);
      assert.equal(await usersOnline(), 4);
    }
    // A record that is deleted and comes back is counted twice.
    await admin.del(`${keys.recordPrefix}ben`);
    await register(store, { userId: "ben", connectionId: "d" });
    assert.equal(await usersOnline(), 5);
    assert.deepEqual([await walk(), await walk(), await usersOnline()], [[0, 2, 0], [0, 0, 1], 4]);
  });

  test("a count takes in who comes and leaves during the walk", async () => {
    const ids = Array.from({ length: 2_000 }, (_, index) => `user-${index}`);
    await Promise.all(ids.map((userId) => register(store, { userId, connectionId: "c" })));
    const walkWithChanges = async (turn: number) => {
      let [cursor, steps, recounted] = ["", 0, 0];
      do {
        const step = await store.mend(cursor, everyShard);
        cursor = step.cursor;
        recounted += step.recounted;
        steps++;
        const [leaves, comes] = [`user-${turn * 100 + steps}`, `new-${turn * 100 + steps}`];
        await register(store, { userId: comes, connectionId: "c" });
        const gone = { userId: leaves, deviceId: "phone", reason: "LOGGED_OUT" } as const;
        const result = await register(store, { userId: leaves, connectionId: "again" });
        assert(result.kind === "registered");
        await store.unregister({ ...gone, sessionId: result.sessionId });
      } while (cursor !== "");
      assert(steps >= 8, `${steps} steps`);
      return recounted;
    };
    assert.deepEqual([await walkWithChanges(0), await walkWithChanges(1)], [0, 0]);
    await admin.sendCommand(["HINCRBY", keys.meta, "online", "7"]);
    assert.deepEqual([await walkWithChanges(2), await walkWithChanges(3)], [0, 1]);
    assert.equal((await store.tick(0, 0)).usersOnline, 2_000);
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
  await waitUntil(async () => !(await onlineNow())[0], { what: "the ghost leaves", deadlineMs: 60_000 });
  assert.deepEqual(await onlineNow(), [false, true]);
  assert((await metricOf(node, 'presence_deadlines_mended_total\\{how="given"\\}')) >= 1);
  assert.match(node.logs(), /records and deadlines did not fit/);

  await admin.del(`${keys.recordPrefix}alive`);
  const beat = { userId: "alive", deviceId: "phone", sessionId };
  await client.api.refreshSession(beat);
  await waitUntil(
    () =>
      client.api.refreshSession(beat).then(
        () => false,
        ({ code }) => code === "NOT_FOUND",
      ),
    {
      what: "its gateway hears that it must register again",
      deadlineMs: 60_000,
    },
  );
  assert((await metricOf(node, 'presence_deadlines_mended_total\\{how="dropped"\\}')) >= 1);
});
