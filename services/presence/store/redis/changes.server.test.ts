import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient, type RedisClientType } from "@redis/client";
import { defaultRules } from "../../domain/decisions.ts";
import { PresenceError } from "../../domain/presence-error.ts";
import type { Transition } from "../../domain/transition.ts";
import { streamIdOf } from "../../domain/version.ts";
import type { RegisterResult } from "../store.ts";
import { batchMaxChanges } from "./change-queue.ts";
import { type ShardKeys, shardKeys } from "./keys.ts";
import type { RedisStore } from "./redis-store.ts";
import { register, storeOn } from "./testing/open-store.ts";

const ttlMs = 1_000;
const keys = shardKeys(1)[0] as ShardKeys;

let redis: TestRedis;
let admin: RedisClientType;
let store: RedisStore;
/** What a follower of the only shard has heard. */
let heard: Transition[];
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
  await admin.sendCommand(["FLUSHALL"]);
  store = storeOn(redis, { shards: 1, rules: { ...defaultRules, ttlMs } });
  await store.open();
  heard = [];
  let isListening = false;
  store.follow(0, {
    entry: (transition) => heard.push(transition),
    interrupted: () => {
      isListening = true;
    },
  });
  await waitUntil(() => isListening, { what: "the follower listens" });
  await store.tick(0, 100);
});
afterEach(() => store.close());

const leave = (userId: string) =>
  store.unregister({ userId, deviceId: "phone", sessionId: "", reason: "LOGGED_OUT" }).then(({ kind }) => kind);
const batches = () => store.metrics().operations.change?.count;
const isMalformed = (error: unknown) =>
  error instanceof PresenceError &&
  error.code === "UNAVAILABLE" &&
  /the record of ben is malformed/.test(error.message);

/** The log, the number of users online and the follower say the same. */
async function assertToldOnce(userIds: readonly string[], online: number): Promise<void> {
  await waitUntil(() => heard.length === userIds.length, { what: "the follower has heard all" });
  assert.deepEqual(
    heard.map(({ userId }) => userId),
    userIds,
  );
  assert.deepEqual((await store.readLog(0, 0, 1_000)).entries, heard);
  assert.equal((await store.tick(0, 0)).usersOnline, online);
}

describe("changes of one moment", () => {
  test("are one call of Redis, decided in the order in which they were asked", async () => {
    const answers = await Promise.all([
      register(store).then(({ kind }) => kind),
      leave("anna"),
      leave("anna"),
      register(store, { connectionId: "c1" }).then(({ kind }) => kind),
      register(store, { connectionId: "c1" }).then(({ kind }) => kind),
      leave("anna"),
      register(store, { userId: "ben" }).then(({ kind }) => kind),
    ]);
    assert.deepEqual(answers, ["registered", "ended", "absent", "registered", "repeated", "fenced", "registered"]);
    assert.equal(batches(), 1);
    await assertToldOnce(["anna", "anna", "anna", "ben"], 2);
  });

  test("get versions that grow, also in a log that is ahead of the clock (P3)", async () => {
    const ahead = 4_000_000_000_000_998;
    await admin.sendCommand([
      "XADD",
      keys.log,
      streamIdOf(ahead),
      "e",
      ["cleo", "1", "1", "phone", "g", "0"].join("\0"),
    ]);
    const userIds = Array.from({ length: 5 }, (_, index) => `user-${index}`);
    const results = await Promise.all(userIds.map((userId) => register(store, { userId })));
    assert.deepEqual(
      results.map((result) => result.kind === "registered" && result.version),
      userIds.map((_, index) => ahead + 1 + index),
    );
    await waitUntil(() => heard.length === userIds.length, { what: "the follower has heard all" });
    assert.deepEqual((await store.readLog(0, ahead, 10)).entries, heard);
  });

  test("give two devices of a user, whose callers know no tokens, a session each", async () => {
    const results = await Promise.all(["phone", "laptop"].map((deviceId) => register(store, { deviceId })));
    const [one, other] = results as Extract<RegisterResult, { sessionId: string }>[];
    assert.notEqual(one?.sessionId, other?.sessionId);
    assert.equal((await store.tick(0, 0)).sessions, 2);
  });

  test("beyond what one call may take are several", async () => {
    const userIds = Array.from({ length: 2 * batchMaxChanges + 1 }, (_, index) => `user-${index}`);
    await Promise.all(userIds.map((userId) => register(store, { userId })));
    assert.equal(batches(), 3);
    await assertToldOnce(userIds, userIds.length);
  });

  test("fail alone where a record is malformed, and all else is done, told and counted", async () => {
    await admin.sendCommand(["SET", `${keys.recordPrefix}ben`, "what is this?"]);
    const [anna, ben, cleo] = await Promise.allSettled(
      ["anna", "ben", "cleo"].map((userId) => register(store, { userId })),
    );
    assert.deepEqual([anna?.status, cleo?.status], ["fulfilled", "fulfilled"]);
    assert(ben?.status === "rejected" && isMalformed(ben.reason));
    await assertToldOnce(["anna", "cleo"], 2);
  });

  test("fail alone where Redis refuses a command, with what it said", async () => {
    await admin.sendCommand(["SADD", `${keys.recordPrefix}ben`, "not a string"]);
    const [anna, ben] = await Promise.allSettled(["anna", "ben"].map((userId) => register(store, { userId })));
    assert.equal(anna?.status, "fulfilled");
    assert(ben?.status === "rejected" && /Redis replied: WRONGTYPE/.test(String(ben.reason)));
    await assertToldOnce(["anna"], 1);
  });

  test("are refused, of those that need memory when there is none, and only those (P1)", async () => {
    const session = await register(store);
    assert(session.kind === "registered");
    await register(store, { userId: "ben" });
    await admin.sendCommand(["CONFIG", "SET", "maxmemory", "1mb"]);
    try {
      const cleo = assert.rejects(register(store, { userId: "cleo" }), /out of memory/);
      const others = [leave("anna"), leave("ben"), leave("dora")];
      assert.deepEqual(await Promise.all(others), ["ended", "ended", "absent"]);
      await cleo;
    } finally {
      await admin.sendCommand(["CONFIG", "SET", "maxmemory", "0"]);
    }
    await assertToldOnce(["anna", "ben", "anna", "ben"], 0);
  });

  test("fail together when the connection is lost, and nothing waits any more (P5)", async () => {
    redis.pause();
    const failing = ["anna", "ben"].map((userId) =>
      assert.rejects(
        register(store, { userId }),
        (error) => error instanceof PresenceError && error.code === "UNAVAILABLE",
      ),
    );
    await Promise.all(failing);
    redis.resume();
    assert.equal(store.metrics().bounds.changes?.used, 0);
    assert.equal(store.metrics().bounds.changeBytes?.used, 0);
  });
});

describe("a malformed record that is due", () => {
  test("holds up nobody else, is counted, and is tried again a TTL later", async () => {
    for (const userId of ["ben", "cleo"]) await register(store, { userId });
    const record = await admin.get(`${keys.recordPrefix}ben`);
    await admin.set(`${keys.recordPrefix}ben`, `?${record}`);
    const beAged = async (ms = ttlMs / 4) => {
      await admin.hIncrBy(keys.meta, "ticked", -ms);
      return store.tick(0, 100);
    };
    // Half a step aside, so that no tick comes between the two deadlines, which are not the same millisecond's.
    await beAged(ttlMs / 8);
    let tick = await beAged();
    while (tick.expired === 0) tick = await beAged();
    assert.deepEqual([tick.expired, tick.failed, tick.sessions, tick.usersOnline], [2, 1, 1, 1]);
    assert.equal((await beAged()).expired, 0);

    await admin.set(`${keys.recordPrefix}ben`, record as string);
    tick = await beAged();
    while (tick.expired === 0) tick = await beAged();
    assert.deepEqual([tick.expired, tick.failed, tick.sessions, tick.usersOnline], [1, 0, 0, 0]);
    await assertToldOnce(["ben", "cleo", "cleo", "ben"], 0);
  });
});
