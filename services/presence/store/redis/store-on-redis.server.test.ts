import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, type TestContext, test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { settleStore, startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import { type LogEntry, transitionsIn } from "../../domain/log-entry.ts";
import { PresenceError } from "../../domain/presence-error.ts";
import { shardOf } from "../../domain/shard.ts";
import { StoreRefusal } from "../store.ts";
import { type ShardKeys, shardKeys, storeKeys } from "./keys.ts";
import type { RedisStore } from "./redis-store.ts";
import { refresh, register, storeOn, untilReady } from "./testing/open-store.ts";

const { store: storeKey } = storeKeys();

let redis: TestRedis;
const admin = async (...command: string[]) => {
  const client = createClient({ url: redis.url, RESP: 2 });
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
};
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

describe("a store on Redis", () => {
  let store: RedisStore;
  beforeEach(async () => {
    await admin("FLUSHALL");
    await settleStore(redis.url, 2);
    store = storeOn(redis);
  });
  afterEach(() => store.close());

  test("says what it is connected to", async () => {
    assert.match(store.health().detail, /^not connected to redis:/);
    await store.open();
    assert.match(store.health().detail, /^(Redis|Valkey) \d+\.\d+\.\d+ at redis:\/\/127\.0\.0\.1:\d+$/);
  });

  test("ticks each shard before all else, on every connection (P8)", async () => {
    const isBegun = () => store.isRecovering(0) && store.isRecovering(1);
    await admin("FLUSHALL");
    await store.open();
    assert.ok(isBegun());
    const begun = async () => [await admin("HGET", meta, "begin"), await admin("HGET", otherMeta, "begin")];
    const [{ meta }, { meta: otherMeta }] = shardKeys(2) as [ShardKeys, ShardKeys];
    const first = await begun();
    await admin("HSET", meta, "run_id", "another");
    await admin("HSET", otherMeta, "run_id", "another");
    await admin("CLIENT", "KILL", "TYPE", "normal");
    await waitUntil(async () => (await begun()).every((version, index) => version !== first[index]), {
      what: "the shards began anew, though nobody asked",
    });
  });

  test("goes on when the server forgot its scripts", async () => {
    await store.open();
    await register(store);
    await admin("SCRIPT", "FLUSH");
    assert.equal(
      (await store.unregister({ userId: "anna", deviceId: "phone", sessionId: "", reason: "LOGGED_OUT" })).kind,
      "ended",
    );
    assert.equal((await register(store)).kind, "registered");
    assert.equal(store.metrics().operations.register?.failed, 0);
  });

  test("that lost its data begins anew once, though each node hears of what the other does before its own tick (P8)", async () => {
    const other = storeOn(redis);
    await Promise.all([store.open(), other.open()]);
    const heard: LogEntry[] = [];
    const unfollow = other.follow(0, { entry: (entry) => heard.push(entry), interrupted: () => {} });
    try {
      await Promise.all([store.tick(0, 0), other.tick(0, 0)]);
      await admin("FLUSHALL");
      const { begin } = await store.tick(0, 0);
      await waitUntil(() => heard.some(({ version }) => version === begin), { what: "the other hears of the begin" });
      assert.deepEqual([(await other.tick(0, 0)).begin, (await store.tick(0, 0)).begin], [begin, begin]);
    } finally {
      unfollow();
      other.close();
    }
  });

  test("of another shard count is refused, saying which and what to do", async () => {
    await store.open();
    const other = storeOn(redis, { shards: 3 });
    await assert.rejects(
      other.open(),
      (error) => error instanceof StoreRefusal && /2 shards, SHARDS is 3: set SHARDS=2/.test(error.message),
    );
    assert.equal(other.health().ready, false);
  });

  test("shares it with another deployment, whose names begin otherwise: neither sees the other's", async (t) => {
    const staging = storeOn(redis, { keyPrefix: "staging:", shards: 3 });
    t.after(() => staging.close());
    await Promise.all([store.open(), staging.open()]);
    await register(store);
    await register(staging, { userId: "bruno" });
    const usersOf = (sessions: readonly { readonly userId: string }[]) => sessions.map(({ userId }) => userId);
    const online = async (of: RedisStore) =>
      usersOf((await Promise.all([of.sessionsOf("anna"), of.sessionsOf("bruno")])).flat());
    assert.deepEqual(await online(store), ["anna"]);
    assert.deepEqual(await online(staging), ["bruno"]);
    // These are found by a scan over all keys.
    const scanned = async (of: RedisStore) => {
      const users = new Set<string>();
      let cursor = "";
      do {
        const step = await of.sessionsAt("gateway-1", cursor, 100);
        for (const userId of usersOf(step.sessions)) users.add(userId);
        cursor = step.cursor;
      } while (cursor !== "");
      return [...users];
    };
    assert.deepEqual(await scanned(store), ["anna"]);
    assert.deepEqual(await scanned(staging), ["bruno"]);
    const names = (await admin("KEYS", "*")) as unknown as string[];
    assert.deepEqual([...new Set(names.map((name) => name.split("{")[0]))].sort(), ["presence:", "staging:presence:"]);
  });

  test("of another schema version is refused, saying which and what to do", async () => {
    await admin("HSET", storeKey, "schema", "9", "shards", "2");
    await assert.rejects(
      store.open(),
      (error) =>
        error instanceof StoreRefusal &&
        /schema version 9, this program writes 1 to 3: run the matching/.test(error.message),
    );
  });

  test("that became another's behind its back is not used until it is ours again", async () => {
    await store.open();
    await admin("HSET", storeKey, "shards", "3");
    await admin("CLIENT", "KILL", "TYPE", "normal");
    await waitUntil(() => /set SHARDS=3/.test(store.health().detail), { what: "the store says what differs" });
    await assert.rejects(register(store), (error) => error instanceof PresenceError && error.code === "UNAVAILABLE");
    await admin("HSET", storeKey, "shards", "2");
    await untilReady(store);
    assert.equal((await register(store)).kind, "registered");
  });

  for (const [policy, loss] of [
    ["allkeys-lru", /users who are online go offline without an event/],
    ["volatile-ttl", /when users were last seen, and that their connections ended, is forgotten/],
  ] as const) {
    test(`that evicts by ${policy} is refused, unless that is allowed by name: then it is told (P4)`, async (t) => {
      await admin("CONFIG", "SET", "maxmemory-policy", policy);
      t.after(() => admin("CONFIG", "SET", "maxmemory-policy", "noeviction"));
      const isTold = (error: unknown) => {
        assert(error instanceof StoreRefusal);
        assert.match(error.message, loss);
        return new RegExp(`noeviction, or accept that with REDIS_ALLOW_EVICTION=${policy}$`).test(error.message);
      };
      await assert.rejects(store.open(), isTold);
      await assert.rejects(storeOn(redis, { allowEviction: ["allkeys-random"] }).open(), isTold);
      const found: string[] = [];
      const allowing = storeOn(redis, { allowEviction: [policy], onEviction: (detail) => found.push(detail) });
      t.after(() => allowing.close());
      await allowing.open();
      await waitUntil(() => allowing.health().eviction, { what: "the store says that Redis evicts" });
      assert.equal(allowing.health().eviction?.isAllowed, true);
      assert.equal(found.length, 1);
      assert.match(String(found), loss);
    });
  }

  test("out of memory takes no new sessions, but keeps and ends those that are there (P1)", async () => {
    await store.open();
    const result = await register(store, { connectionId: "c1" });
    assert(result.kind === "registered");
    await admin("CONFIG", "SET", "maxmemory", "1mb");
    try {
      await assert.rejects(
        register(store, { userId: "ben" }),
        (error) =>
          error instanceof PresenceError && error.code === "UNAVAILABLE" && /out of memory/.test(error.message),
      );
      assert.equal((await refresh(store, { sessionId: result.sessionId })).kind, "refreshed");
      assert((await store.tick(0, 100)).clockMs >= 0);
      const ending = { userId: "anna", deviceId: "phone", sessionId: result.sessionId, reason: "LOGGED_OUT" } as const;
      assert.equal((await store.unregister(ending)).kind, "ended");
    } finally {
      await admin("CONFIG", "SET", "maxmemory", "0");
    }
  });

  test("starts a shard's clock before anything else happens in it", async () => {
    await store.open();
    await register(store);
    const { meta } = shardKeys(2)[shardOf("anna", 2)] as ShardKeys;
    assert.equal(await admin("HEXISTS", meta, "clock"), 1);
    await admin("DEL", meta);
    assert.equal((await refresh(store, { sessionId: "1" })).kind, "superseded");
    assert.equal(await admin("HEXISTS", meta, "clock"), 1);
  });

  test("keeps what it knows of a shard as a table, where no field has to be searched for", async () => {
    await store.open();
    for (const { meta } of shardKeys(2)) assert.equal(await admin("OBJECT", "ENCODING", meta), "hashtable");
  });

  test("asks the record once for a heartbeat without session_id of another node's session, then knows it", async () => {
    await store.open();
    await register(store);
    const other = storeOn(redis);
    await other.open();
    for (let beat = 0; beat < 5; beat++) assert.equal((await refresh(other)).kind, "refreshed");
    assert.equal(other.metrics().operations.heartbeat?.count, 1);
    assert.equal(other.metrics().bounds.knownSessions?.used, 1);
    assert.equal((await refresh(store)).kind, "refreshed");
    assert.equal(store.metrics().operations.heartbeat?.count, 0, "it registered the session itself");
    await other.close();
  });

  test("learns the new session of a caller without tokens that moved to another node", async () => {
    await store.open();
    const other = storeOn(redis);
    await other.open();
    await register(store);
    await register(other, { instanceId: "gateway-2" });
    assert.equal((await refresh(store)).kind, "refreshed");
    assert.equal(store.metrics().operations.heartbeat?.count, 1, "its own was replaced");
    await other.close();
  });

  describe("ends a claim when its time comes, once (P3)", () => {
    const shard = shardOf("anna", 2);
    const nowMs = () => Math.floor(systemClock.nowUs() / 1_000);
    /** Anna is online, and busy for 200 ms. @returns until when */
    const makeBusy = async () => {
      await store.open();
      await register(store);
      const expiresAtMs = nowMs() + 200;
      const claim = {
        claimId: "self",
        availability: "BUSY",
        text: "",
        emoji: "",
        expiresAtMs,
        setAtMs: undefined,
      } as const;
      assert.equal((await store.setStatus("anna", claim)).kind, "done");
      return expiresAtMs;
    };
    const openNodes = async (t: TestContext) => {
      const nodes = [storeOn(redis), storeOn(redis), storeOn(redis)];
      t.after(() => Promise.all(nodes.map((node) => node.close())));
      await Promise.all(nodes.map((node) => node.open()));
      return nodes;
    };
    const tickAtOnce = (nodes: readonly RedisStore[]) => Promise.all(nodes.map((node) => node.tick(shard, 100)));
    const told = async (node: RedisStore) => {
      const { entries } = await node.readLog(shard, 0, 100);
      return transitionsIn(entries).map(({ cause, status }) => `${cause} ${status?.availability ?? "AVAILABLE"}`);
    };
    const once = ["CONNECTED AVAILABLE", "STATUS BUSY", "STATUS AVAILABLE"];

    test("whichever nodes tick at that moment", async (t) => {
      await makeBusy();
      const nodes = await openNodes(t);
      const isOver = async () => {
        await tickAtOnce(nodes);
        return (await told(store)).length === once.length;
      };
      await waitUntil(isOver, { what: "the claim is over" });
      await tickAtOnce(nodes);
      assert.deepEqual(await told(store), once);
    });

    test("with their next tick, when all nodes were down then", async (t) => {
      const expiresAtMs = await makeBusy();
      await store.close();
      await waitUntil(() => nowMs() > expiresAtMs, { what: "its time has come" });
      const nodes = await openNodes(t);
      await tickAtOnce(nodes);
      for (const node of nodes) assert.deepEqual(await told(node), once);
    });
  });

  test("publishes bytes on a plain channel", async () => {
    await store.open();
    const subscriber = createClient({ url: redis.url, RESP: 2 });
    await subscriber.connect();
    const heard: Buffer[] = [];
    await subscriber.subscribe("presence:updates", (message: Buffer) => heard.push(message), true);
    await store.publish("presence:updates", new Uint8Array([0, 255, 10, 13]));
    await waitUntil(() => heard.length === 1, { what: "the message arrives" });
    assert.deepEqual([...(heard[0] as Buffer)], [0, 255, 10, 13]);
    subscriber.destroy();
  });

  test("pages through whoever is online, and only those", async () => {
    await store.open();
    const userIds = Array.from({ length: 2_500 }, (_, index) => `user-${index}`);
    await Promise.all(userIds.map((userId) => register(store, { userId })));
    await store.unregister({ userId: "user-7", deviceId: "phone", sessionId: "", reason: "UNSPECIFIED" });
    const found = new Set<string>();
    for (const shard of [0, 1]) {
      for await (const page of store.scanOnline(shard)) for (const view of page) found.add(view.userId);
    }
    assert.deepEqual([...found].sort(), userIds.filter((userId) => userId !== "user-7").sort());
  });
});

describe("credentials", () => {
  let locked: TestRedis;
  before(async () => {
    locked = await startRedis({ password: "s3cret" });
  });
  after(() => locked.stop());

  test("that are right open the store", async () => {
    const store = storeOn(locked);
    await store.open();
    assert.equal((await register(store)).kind, "registered");
    await store.close();
  });

  for (const [what, login] of [
    ["wrong", ":wr0ng@"],
    ["missing", ""],
  ] as const) {
    test(`that are ${what} are refused at once, and said nowhere`, async () => {
      const store = storeOn({ url: `redis://${login}${locked.host}:${locked.port}` });
      await assert.rejects(
        store.open(),
        (error) =>
          error instanceof StoreRefusal && /REDIS_URL/.test(error.message) && !/wr0ng|s3cret/.test(error.message),
      );
    });
  }
});
