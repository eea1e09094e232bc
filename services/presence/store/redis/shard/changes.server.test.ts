import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Reply } from "@realchat/presence-redis";
import { systemClock } from "@realchat/presence-runtime/clock";
import { seed, settleStore, startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient, type RedisClientType } from "@redis/client";
import fc from "fast-check";
import { transitionsIn } from "../../../domain/log-entry.ts";
import { PresenceError } from "../../../domain/presence-error.ts";
import { defaultRules } from "../../../domain/rules.ts";
import type { Transition } from "../../../domain/transition.ts";
import { streamIdOf } from "../../../domain/version.ts";
import type { RegisterResult } from "../../store.ts";
import { type ShardKeys, shardKeys } from "../keys.ts";
import { change } from "../lua/change/change.ts";
import type { RedisStore } from "../redis-store.ts";
import { scriptRules } from "../script-rules.ts";
import { Scripts } from "../scripts.ts";
import { register, storeOn } from "../testing/open-store.ts";
import { batchMaxChanges } from "./change-queue.ts";

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
  await settleStore(redis.url, 1);
  store = storeOn(redis, { shards: 1, rules: { ...defaultRules, ttlMs } });
  await store.open();
  heard = [];
  let isListening = false;
  store.follow(0, {
    entry: (entry) => heard.push(...transitionsIn([entry])),
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
const isUnreadable = (error: unknown) =>
  error instanceof PresenceError &&
  error.code === "DATA_LOSS" &&
  error.message.includes('the record of user "ben" cannot be read') &&
  error.message.includes(`${keys.recordPrefix}ben is`);

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

  test("count though the clock of their server was stepped, which the node learns by the way", async (t) => {
    let steppedMs = 0;
    // What a node sees of it: its own clock and the server's are further apart, or closer.
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() - steppedMs };
    const other = storeOn(redis, { shards: 1 }, clock);
    t.after(() => other.close());
    await other.open();
    steppedMs = 60_000;
    const answers = [register(other), register(other, { deviceId: "laptop" })];
    for (const answer of answers) assert.equal((await answer).kind, "registered");
    const { change, tick } = other.metrics().operations;
    assert.deepEqual([change?.count, change?.failed, tick?.failed], [1, 0, 0]);
    steppedMs = -60_000;
    assert.equal((await register(other, { userId: "ben" })).kind, "registered");
  });

  test("are too late by either clock of the shard (P2, P7)", async () => {
    const link = { send: (command: readonly (string | Buffer)[]) => admin.sendCommand<Reply>([...command]) };
    const scripts = new Scripts(scriptRules(defaultRules, 3_600_000, 1_000));
    const { deadlines, log, meta, live } = keys;
    const registering = (until: { untilUs: number; untilMs: number }) =>
      scripts.run(link, change, { deadlines, log, meta }, { live, ...until, traceparents: "" }, [
        ...["register", "anna", "phone"],
        ...["gateway-1", "c1", "", ""],
      ]);
    const never = Number.MAX_SAFE_INTEGER;
    await assert.rejects(registering({ untilUs: 1, untilMs: never }), /LATE by \d+ ms/);
    await assert.rejects(registering({ untilUs: never, untilMs: -1 }), /LATE by \d+ ms/);
    assert.equal((await store.tick(0, 0)).sessions, 0);
    assert.match(String(await registering({ untilUs: never, untilMs: never })), /^registered/);
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
    assert(ben?.status === "rejected" && isUnreadable(ben.reason));
    await assertToldOnce(["anna", "cleo"], 2);
  });

  test("fail alone where Redis refuses a command, with what it said", async () => {
    await admin.sendCommand(["SADD", `${keys.recordPrefix}ben`, "not a string"]);
    const [anna, ben] = await Promise.allSettled(["anna", "ben"].map((userId) => register(store, { userId })));
    assert.equal(anna?.status, "fulfilled");
    assert(ben?.status === "rejected" && isUnreadable(ben.reason) && /is a set, not a string/.test(String(ben.reason)));
    await assertToldOnce(["anna"], 1);
  });

  test("fail alone where an order is beyond what numbers can tell apart", async () => {
    const beyond = `${Number.MAX_SAFE_INTEGER}0`;
    const sessions = { current: `${beyond}.c1\x1fgateway-1`, tombstone: `x${beyond}.c1\x1fgateway-1\x1f100` };
    for (const [what, session] of Object.entries(sessions)) {
      const header = what === "current" ? "1790000000000001" : "-1790000000000001 1789999999999";
      await admin.set(`${keys.recordPrefix}ben`, `${header}\nphone\t${session}`);
      for (const connectionId of ["c1", "c2", ""]) {
        const [ben] = await Promise.allSettled([register(store, { userId: "ben", connectionId })]);
        assert(ben?.status === "rejected" && isUnreadable(ben.reason), `${what} ${connectionId}`);
      }
    }
  });

  test("concern nobody but the user, whatever became of the record (P5)", async () => {
    const odd = fc.constantFrom(..."\0\t\n\x1f -gerx.0179a");
    const edit = fc.tuple(fc.nat(200), fc.nat(30), fc.string({ unit: odd, maxLength: 8 }));
    let runs = 0;
    const property = fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
      const other = `anna-${runs++}`;
      await admin.del(`${keys.recordPrefix}ben`);
      await register(store, { userId: "ben", connectionId: "c1" });
      let record = (await admin.get(`${keys.recordPrefix}ben`)) as string;
      for (const [at, length, put] of edits) record = record.slice(0, at) + put + record.slice(at + length);
      await admin.set(`${keys.recordPrefix}ben`, record);
      const ofBen = [
        register(store, { userId: "ben", connectionId: "c2" }),
        register(store, { userId: "ben", deviceId: "laptop" }),
        store.unregister({ userId: "ben", deviceId: "phone", sessionId: "", reason: "CONNECTION_LOST" }),
      ];
      const [others, outcomes] = await Promise.all([
        Promise.all([register(store, { userId: other }), leave(other), store.users([other, "ben"])]),
        Promise.allSettled(ofBen),
      ]);
      assert.deepEqual([others[0].kind, others[1], others[2].length], ["registered", "ended", 2]);
      for (const outcome of outcomes) {
        assert(
          outcome.status === "fulfilled" || isUnreadable(outcome.reason),
          String((outcome as PromiseRejectedResult).reason),
        );
      }
    });
    await fc.assert(property, { seed: seed(), numRuns: 150 });
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

test("a malformed record is told of once, with the trace of the change that met it", async () => {
  const told: (string | undefined)[] = [];
  await store.close();
  store = storeOn(redis, { shards: 1, onUnreadable: ({ traceparent }) => told.push(traceparent) });
  await store.open();
  await admin.set(`${keys.recordPrefix}ben`, "garbage");
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  await assert.rejects(register(store, { userId: "ben", traceparent }), isUnreadable);
  await assert.rejects(register(store, { userId: "ben" }), isUnreadable);
  assert.deepEqual(told, [traceparent]);
});

describe("a log into which somebody else writes", () => {
  test("is read as if that were not there, page by page, and told of", async () => {
    const told: string[] = [];
    await store.close();
    store = storeOn(redis, { shards: 1, onUnreadable: ({ message }) => told.push(message) });
    await store.open();
    const users: string[] = [];
    store.follow(0, {
      entry: (entry) => users.push(...transitionsIn([entry]).map(({ userId }) => userId)),
      interrupted: () => users.push("listening"),
    });
    await waitUntil(() => users.length === 1, { what: "the log is followed" });
    for (const userId of ["anna", "ben", "cleo"]) {
      await register(store, { userId });
      await admin.sendCommand(["XADD", keys.log, "*", "e", "garbage"]);
      await admin.sendCommand(["XADD", keys.log, "*", "some", "field"]);
      await admin.sendCommand(["SPUBLISH", keys.live, "garbage"]);
    }
    const { entries } = await store.readLog(0, 0, 2);
    const [anna, ben] = transitionsIn(entries);
    assert.deepEqual([anna?.userId, ben?.userId, entries.length], ["anna", "ben", 2]);
    const rest = await store.readLog(0, ben?.version as number, 2);
    assert.deepEqual([transitionsIn(rest.entries).map(({ userId }) => userId), rest.gap], [["cleo"], false]);
    await waitUntil(() => users.includes("cleo"), { what: "announcements are heard after one that is none" });
    assert.deepEqual(users, ["listening", "anna", "ben", "cleo"]);
    assert(store.metrics().unreadable.entries >= 9);
    assert.match(told.join("\n"), /presence:\{00\}:log has entry \d+-\d+, which is no transition/);
  });
});
