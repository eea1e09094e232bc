import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { presence } from "@realchat/presence-proto";
import { systemClock } from "@realchat/presence-runtime/clock";
import { startPresence, startRedis, type TestPresence, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient, type RedisClientType } from "@redis/client";
import { shardOf } from "../domain/shard.ts";
import { type ShardKeys, shardKeys } from "../store/redis/keys.ts";
import { metricOf } from "../testing/fleet.ts";
import { CallFailure, connectPresence, type PresenceClient } from "../testing/presence-client.ts";

const shards = 4;
const deviceId = "phone";

/** What another program may have made of a record. */
const corruptions: Readonly<Record<string, (record: string) => string[]>> = {
  "is garbage": () => ["SET", "garbage"],
  "is empty": () => ["SET", ""],
  "is a list": () => ["RPUSH", "x"],
  "is a hash": () => ["HSET", "f", "v"],
  "has a header with more in it": (record) => ["SET", record.replace("\n", "x\n")],
  "has a version beyond all numbers": (record) => ["SET", record.replace(/^\d+/, "9".repeat(40))],
  "has a device without sessions": (record) => ["SET", `${record}\nlaptop`],
  "has a device whose sessions are garbage": (record) => ["SET", record.replace(/\t.*/, "\tgarbage")],
  "has a session without gateway": (record) => ["SET", record.slice(0, record.indexOf("\x1f"))],
  "says online of nobody's device": (record) => ["SET", record.split("\n")[0] as string],
  "was cut off": (record) => ["SET", record.slice(0, record.indexOf("\t"))],
  "is binary": () => ["SET", "\x00\xff\x00"],
};

describe("a presence node some of whose users' records cannot be read", () => {
  let redis: TestRedis;
  let node: TestPresence;
  let operator: RedisClientType;
  let client: PresenceClient;
  const keys = shardKeys(shards);
  const keyOf = (userId: string) => `${(keys[shardOf(userId, shards)] as ShardKeys).recordPrefix}${userId}`;
  /** In the order of `corruptions`. */
  const broken = Object.keys(corruptions).map((_, index) => `broken-${index}`);
  const whole = Array.from({ length: 40 }, (_, index) => `whole-${index}`);
  const everyone = [...whole.slice(0, 20), ...broken, ...whole.slice(20)];
  const sessions = new Map<string, string>();
  const refOf = (userId: string) => ({ userId, deviceId, sessionId: sessions.get(userId) as string });

  before(async () => {
    redis = await startRedis();
    operator = createClient({ url: redis.url });
    await operator.connect();
    node = await startPresence({ env: { REDIS_URL: redis.url, SHARDS: String(shards), EVENTS: "redis-pubsub" } });
    client = connectPresence(node.grpcAddress);
    for (const userId of everyone) {
      const registration = { userId, deviceId, instanceId: "gateway-1", connectionId: `socket-of-${userId}` };
      sessions.set(userId, (await client.api.registerSession(registration)).sessionId);
    }
    for (const [index, corrupt] of Object.values(corruptions).entries()) {
      const key = keyOf(broken[index] as string);
      const [command = "", ...values] = corrupt((await operator.get(key)) as string);
      await operator.del(key);
      await operator.sendCommand([command, key, ...values]);
    }
  });
  after(async () => {
    client.close();
    operator.destroy();
    await node.stop();
    await redis.stop();
  });

  const isDataLossOf = (userId: string) => (error: unknown) =>
    error instanceof CallFailure &&
    error.code === "DATA_LOSS" &&
    error.message.includes(JSON.stringify(userId)) &&
    error.message.includes(keyOf(userId));

  test("says of each that it is unknown, and what is true of all others (P5)", async () => {
    const { presences } = await client.api.getPresence({ userIds: everyone });
    assert.deepEqual(
      presences.map(({ userId, online, unknown }) => [userId, unknown ? "unknown" : online]),
      everyone.map((userId) => [userId, broken.includes(userId) ? "unknown" : true]),
    );
    for (const { unknown, version, deviceIds } of presences) {
      if (unknown) assert.deepEqual([version, deviceIds], [0, []], "whoever goes by versions keeps what it has");
    }
  });

  test("lists the devices of all others, and of each of them that they are unknown", async () => {
    const { users } = await client.api.batchGetUserDevices({ userIds: everyone });
    assert.deepEqual(
      users.map(({ userId, devices, unknown }) => [userId, unknown ? "unknown" : devices.length]),
      everyone.map((userId) => [userId, broken.includes(userId) ? "unknown" : 1]),
    );
    await assert.rejects(client.api.getUserDevices({ userId: broken[0] as string }), isDataLossOf(broken[0] as string));
  });

  for (const userIds of [[], everyone]) {
    test(`tells ${userIds.length === 0 ? "a watcher of everyone" : "their watchers"} who is unknown`, async () => {
      const answers = client.api.watchPresence({ userIds });
      const views = new Map<string, presence.UserPresence>();
      for await (const { snapshot, snapshotComplete } of answers) {
        for (const view of snapshot) views.set(view.userId, view);
        if (snapshotComplete) break;
      }
      assert.deepEqual(
        [...views.values()]
          .filter(({ unknown }) => unknown)
          .map(({ userId }) => userId)
          .sort(),
        [...broken].sort(),
      );
      for (const userId of whole) assert.equal(views.get(userId)?.online, true, userId);
    });
  }

  test("answers heartbeats for each session by itself", async () => {
    // Without a deadline it is the record that decides.
    const members = everyone.map((userId) => `${userId}\0${sessions.get(userId)}`);
    for (const { deadlines } of keys) await operator.sendCommand(["ZREM", deadlines, ...members]);
    const { missing, superseded, unconfirmed } = await client.api.refreshSessions({
      sessions: everyone.map(refOf),
      partial: true,
    });
    const named = unconfirmed.map(({ userId }) => userId);
    for (const { userId } of [...missing, ...superseded, ...unconfirmed]) assert(!whole.includes(userId), userId);
    // Of some of the others the record still says that it knows no such session.
    for (const userId of broken.slice(0, 5)) assert(named.includes(userId), userId);
    await assert.rejects(client.api.refreshSession(refOf(broken[0] as string)), isDataLossOf(broken[0] as string));
    const alone = await client.api.refreshSessions({ sessions: [refOf(broken[0] as string)], partial: true });
    assert.equal(alone.unconfirmed.length, 1, "a call of such sessions alone does not look like an outage");
    const whoDoesNotAskPartly = await client.api.refreshSessions({ sessions: everyone.map(refOf) });
    assert.deepEqual(whoDoesNotAskPartly.missing, missing);
  });

  test("refuses to register them, each by its name, and registers all others", async () => {
    const outcomes = await Promise.allSettled(
      everyone.map((userId) => client.api.registerSession({ userId, deviceId, instanceId: "g", connectionId: "new" })),
    );
    for (const [index, userId] of everyone.entries()) {
      const outcome = outcomes[index] as PromiseSettledResult<unknown>;
      if (whole.includes(userId)) assert.equal(outcome.status, "fulfilled", userId);
      else if (outcome.status === "rejected") assert(isDataLossOf(userId)(outcome.reason), String(outcome.reason));
    }
    const { presences } = await client.api.getPresence({ userIds: whole });
    assert(presences.every(({ online }) => online));
  });

  test("names each in its log once, and counts them", async () => {
    await client.api.getPresence({ userIds: everyone });
    const [userId = ""] = broken;
    const lines = node
      .logs()
      .split("\n")
      .filter((line) => line.includes(keyOf(userId)));
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(lines[0] as string, /is unknown until it is deleted/);
    assert((await metricOf(node, "presence_unreadable_total")) >= broken.length);
  });

  test("goes on with a user when the record was deleted, as the operator's guide says", async () => {
    const [userId = ""] = broken;
    await operator.del(keyOf(userId));
    const { sessionId } = await client.api.registerSession({ userId, deviceId, instanceId: "g", connectionId: "c9" });
    assert.notEqual(sessionId, "");
    const { presences } = await client.api.getPresence({ userIds: [userId] });
    assert.deepEqual([presences[0]?.online, presences[0]?.unknown], [true, false]);
  });
});

describe("a shard whose deadlines hold what is no session", () => {
  test("goes on ticking, and takes down whoever is due", async (t) => {
    const redis = await startRedis();
    const env = { REDIS_URL: redis.url, SHARDS: "1", EVENTS: "redis-pubsub", SESSION_TTL: "1s" };
    const node = await startPresence({ env });
    const client = connectPresence(node.grpcAddress);
    const operator = createClient({ url: redis.url, RESP: 2 });
    await operator.connect();
    t.after(async () => {
      operator.destroy();
      client.close();
      await node.stop();
      await redis.stop();
    });
    const { deadlines } = shardKeys(1)[0] as ShardKeys;
    await operator.sendCommand(["ZADD", deadlines, "1", "garbage", "-inf", "more\0garbage", "0", "\0", "-inf", "\0\0"]);
    const startMs = systemClock.monotonicMs();
    await client.api.registerSession({ userId: "anna", deviceId, instanceId: "g" });
    const { sessionId } = await client.api.registerSession({ userId: "ben", deviceId, instanceId: "g" });
    await operator.sendCommand(["ZADD", deadlines, "-inf", `ben\0${sessionId}`]);
    const isOffline = async () =>
      (await client.api.getPresence({ userIds: ["anna", "ben"] })).presences.every(({ online }) => !online);
    await waitUntil(isOffline, { what: "both expire" });
    assert(systemClock.monotonicMs() - startMs < 10_000);
    const { presences } = await client.api.getPresence({ userIds: ["anna", "ben"] });
    assert.deepEqual(
      presences.map(({ unknown, lastSeenAt }) => [unknown, lastSeenAt !== undefined]),
      [
        [false, true],
        // A deadline that never was tells nothing of the last sign of life.
        [false, false],
      ],
    );
    assert.equal(await operator.sendCommand(["ZCARD", deadlines]), 0);
  });
});
