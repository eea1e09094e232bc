import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { openRedirect } from "@realchat/presence-redis/testing";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { heldUp, seed, settleStore, startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import { type LogEntry, transitionsIn } from "../../domain/log-entry.ts";
import { PresenceError } from "../../domain/presence-error.ts";
import { seededRandom } from "../../testing/interleavings/random.ts";
import { openLossyProxy } from "../../testing/lossy-proxy.ts";
import { type ShardKeys, shardKeys } from "./keys.ts";
import type { RedisStore } from "./redis-store.ts";
import { refresh, register, storeOn, untilNotReady, untilReady } from "./testing/open-store.ts";

/** Silence for which a connection is given up, and how much later the last of its calls may fail. */
const commandTimeoutMs = 1_000;
const graceMs = 1_000;

let redis: TestRedis;
let store: RedisStore;
beforeEach(async () => {
  redis = await startRedis();
  await settleStore(redis.url, 2);
  store = storeOn(redis, { commandTimeoutMs });
});
afterEach(async () => {
  await store.close();
  await redis.stop();
});

/** How an operation failed, or that it did not, and after how long. */
async function outcome(operation: Promise<unknown>): Promise<{ code: string; afterMs: number }> {
  const startMs = systemClock.monotonicMs();
  const code = await operation.then(
    (result) => {
      const failure = (result as { error?: unknown } | undefined)?.error;
      return failure instanceof PresenceError ? failure.code : "answered";
    },
    (error) => (error instanceof PresenceError ? error.code : String(error)),
  );
  return { code, afterMs: systemClock.monotonicMs() - startMs };
}

const everyOperation = () => [
  register(store),
  refresh(store),
  store.unregister({ userId: "anna", deviceId: "phone", sessionId: "", reason: "UNSPECIFIED" }),
  store.users(["anna", "ben"]),
  store.tick(0, 100),
  store.lastVersion(0),
  store.readLog(0, 0, 10),
  store.claim(0, "node-1", 1_000),
  store.announceNode("node-1", 1_000),
  store.publish("presence:updates", new Uint8Array([1])),
];

describe("a Redis that is silent or gone", () => {
  test("is noticed while nobody asks anything, and taken back when it answers (P5)", async () => {
    await store.open();
    redis.pause();
    await untilNotReady(store);
    const heldUpMs = heldUp(() => []);
    const failed = await Promise.all(everyOperation().map(outcome));
    for (const { code, afterMs } of failed) {
      assert.equal(code, "UNAVAILABLE");
      assert(
        afterMs < commandTimeoutMs / 2 + heldUpMs(),
        `waited ${afterMs} ms for a connection that was known to be gone`,
      );
    }
    redis.resume();
    await untilReady(store);
    assert.equal((await register(store)).kind, "registered");
  });

  test("fails everything under way as UNAVAILABLE, in the time that is set (P5)", async () => {
    await store.open();
    await register(store);
    redis.pause();
    const heldUpMs = heldUp(() => []);
    const pending = everyOperation().map(outcome);
    const startMs = systemClock.monotonicMs();
    while (systemClock.monotonicMs() - startMs < commandTimeoutMs / 2) {
      for (let beat = 0; beat < 500; beat++) pending.push(outcome(refresh(store)));
      await pause(systemClock, 20);
    }
    const outcomes = await Promise.all(pending);
    for (const { code, afterMs } of outcomes) {
      assert.equal(code, "UNAVAILABLE");
      assert(afterMs < commandTimeoutMs + graceMs + heldUpMs(), `failed after ${afterMs} ms`);
    }
    const isIdle = () => Object.values(store.metrics().bounds).every(({ used }) => used <= 1);
    await waitUntil(isIdle, { what: "nothing waits any more, but for the session that it knows" });
    redis.resume();
    await untilReady(store);
    assert.equal((await refresh(store)).kind, "refreshed", "a frozen Redis lost nothing");
  });

  test("carries out no registration whose caller was told UNAVAILABLE (P2, P7)", async (t) => {
    await store.open();
    const other = storeOn(redis, { commandTimeoutMs });
    t.after(() => other.close());
    await other.open();
    await register(store, { userId: "ben", connectionId: "newer" });
    redis.pause();
    const lost = [
      register(store, { connectionId: "gone" }),
      register(store, { userId: "ben", connectionId: "older" }),
      register(other, { userId: "cleo" }),
    ].map(outcome);
    for (const { code } of await Promise.all(lost)) assert.equal(code, "UNAVAILABLE");
    await pause(systemClock, commandTimeoutMs);
    redis.resume();
    await Promise.all([untilReady(store), untilReady(other)]);
    const [anna, cleo] = await store.users(["anna", "cleo"]);
    assert.deepEqual([anna?.online, cleo?.online], [false, false]);
    assert.equal((await register(store, { userId: "ben", connectionId: "newer" })).kind, "repeated");
  });

  test("is found again after it was killed and started anew", async () => {
    await store.open();
    await register(store);
    // Kept heartbeats bring their users back: these are Ben's.
    const pending = [register(store, { userId: "ben" }), refresh(store, { userId: "ben" })].map(outcome);
    await redis.kill();
    await Promise.all(pending);
    await untilNotReady(store);
    await redis.restart();
    await untilReady(store);
    assert.equal((await refresh(store, { sessionId: "5.c1" })).kind, "missing", "it came back empty");
    assert.equal((await register(store)).kind, "registered");
  });

  test("does not keep a node from starting: it is not ready until Redis is there", async () => {
    await redis.kill();
    await store.open();
    assert.match(store.health().detail, /connecting to redis:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/);
    assert.equal((await outcome(register(store))).code, "UNAVAILABLE");
    await redis.restart();
    await untilReady(store);
    assert.equal((await register(store)).kind, "registered");
  });

  test("does not keep a node from starting while its link flaps: it goes on trying", async (t) => {
    const link = await openLossyProxy(redis);
    const random = seededRandom(seed());
    const stores = Array.from({ length: 20 }, () => storeOn(link, { commandTimeoutMs }));
    t.after(async () => {
      for (const store of stores) await store.close();
      await link.close();
    });
    link.flap(0.1, random);
    for (const store of stores) {
      const heldUpMs = heldUp(() => [redis.pid]);
      const { code, afterMs } = await outcome(store.open());
      assert.equal(code, "answered");
      assert(afterMs < 4 * commandTimeoutMs + heldUpMs(), `it took ${afterMs} ms to start`);
    }
    link.flap(0, random);
    await Promise.all(stores.map(untilReady));
  });

  test("makes followers read on from where they were, then they hear again (P4)", async () => {
    const heard: string[] = [];
    const listener = {
      entry: (entry: LogEntry) => heard.push(...transitionsIn([entry]).map(({ userId }) => userId)),
      interrupted: () => heard.push("interrupted"),
    };
    for (const shard of [0, 1]) store.follow(shard, listener);
    await store.open();
    await waitUntil(() => heard.length === 2, { what: "both shards listen" });
    await register(store, { userId: "anna" });
    await waitUntil(() => heard.at(-1) === "anna", { what: "anna is heard of" });
    await redis.restart();
    await waitUntil(() => heard.length === 5, { what: "both shards listen again" });
    await untilReady(store);
    await register(store, { userId: "ben" });
    await waitUntil(() => heard.at(-1) === "ben", { what: "ben is heard of" });
    assert.deepEqual(heard, ["interrupted", "interrupted", "anna", "interrupted", "interrupted", "ben"]);
  });
});

describe("a Redis that became a replica, while all connections to it stay open", () => {
  test("is noticed while nobody asks anything, and the server that its address leads to now is used", async (t) => {
    const heir = await startRedis();
    t.after(() => heir.stop());
    const redirect = await openRedirect(redis);
    t.after(() => redirect.close());
    const store = storeOn(redirect, { commandTimeoutMs });
    t.after(() => store.close());
    const heard: string[] = [];
    store.follow(0, { entry: () => {}, interrupted: () => heard.push("interrupted") });
    await store.open();
    await store.tick(0, 100);
    await waitUntil(() => heard.length === 1, { what: "the shard is followed" });

    redirect.to(heir);
    await command(redis, "REPLICAOF", heir.host, String(heir.port));
    await untilNotReady(store);
    await untilReady(store);
    const { connectionsLost } = store.metrics();
    assert.equal(connectionsLost.READONLY, 2, "the one for commands, and the one that hears of the log");
    assert.equal((await register(store)).kind, "registered");
    assert.equal(await command(heir, "PUBSUB", "SHARDNUMSUB", live(0)), `${live(0)},1`);
    assert.equal(await command(redis, "PUBSUB", "SHARDNUMSUB", live(0)), `${live(0)},0`);
  });

  test("is noticed by the connection that hears of the log, when the other one moved for another reason", async (t) => {
    const heir = await startRedis();
    t.after(() => heir.stop());
    const redirect = await openRedirect(redis);
    t.after(() => redirect.close());
    const store = storeOn(redirect, { commandTimeoutMs });
    t.after(() => store.close());
    store.follow(0, { entry: () => {}, interrupted: () => {} });
    await store.open();
    redirect.to(heir);
    // Not the one that subscribes.
    await command(redis, "CLIENT", "KILL", "TYPE", "normal");
    const isHeard = async () => (await command(heir, "PUBSUB", "SHARDNUMSUB", live(0))) === `${live(0)},1`;
    await waitUntil(isHeard, { what: "both connections lead to the same server" });
    await untilReady(store);
  });
});

const live = (shard: number) => (shardKeys(2)[shard] as ShardKeys).live;

async function command(server: TestRedis, ...words: string[]): Promise<string> {
  const client = createClient({ url: server.url });
  await client.connect();
  try {
    return String(await client.sendCommand(words));
  } finally {
    client.destroy();
  }
}
