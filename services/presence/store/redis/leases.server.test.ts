import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { settleStore, startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient, type RedisClientType } from "@redis/client";
import { defaultRules } from "../../domain/rules.ts";
import { shardOf } from "../../domain/shard.ts";
import type { RefreshResult } from "../store.ts";
import { leaseMember, type ShardKeys, sessionMember, shardKeys, storeKeys } from "./keys.ts";
import type { RedisStore } from "./redis-store.ts";
import { refresh, register, storeOn } from "./testing/open-store.ts";

const { store: storeKey, nodes: nodesKey } = storeKeys();

const shardCount = 2;
const keys = shardKeys(shardCount);
const shard = shardOf("anna", shardCount);
const annaKeys = keys[shard] as ShardKeys;
const { leaseTtlMs, leasedTtlMs, ttlMs } = defaultRules;

/** What leases are in Redis; what they do is in the contract suite. */
describe("leases in Redis", () => {
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
    await settleStore(redis.url, shardCount);
    store = storeOn(redis);
    await store.open();
  });
  afterEach(() => store.close());

  /** Time on the clocks of all shards, which tick along, after another node that does. */
  async function elapse(ms: number, tickElsewhere?: (shard: ShardKeys) => Promise<unknown>): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= 1_000) {
      for (const [number, ofShard] of keys.entries()) {
        await admin.hIncrBy(ofShard.meta, "ticked", -Math.min(leftMs, 1_000));
        await tickElsewhere?.(ofShard);
        await store.tick(number, 100);
      }
    }
  }

  /** A tick of a node of the release before leases: see scriptOfBefore. */
  function tickOfBefore({ meta, deadlines }: ShardKeys): Promise<unknown> {
    return admin.eval(scriptOfBefore, { keys: [meta, deadlines], arguments: ["1"] });
  }

  async function underLease(): Promise<string> {
    await store.openLease("L", "gateway-1");
    const registered = await register(store, { connectionId: "c1", leaseId: "L" });
    assert(registered.kind === "registered");
    return registered.sessionId;
  }

  function verify(sessionId: string): Promise<RefreshResult> {
    const session = { userId: "anna", deviceId: "phone", sessionId, leaseId: "L" };
    return new Promise((resolve) => store.refresh(session, resolve, 0));
  }

  test("a store without leases has no key and no byte of them", async () => {
    await register(store, { connectionId: "c1" });
    await elapse(1_000);
    assert.deepEqual((await admin.keys("*lease*")).concat(await admin.keys("*:leases")), []);
    assert.equal(await admin.hExists(annaKeys.meta, "leased"), 0);
    assert((await admin.get(`${annaKeys.recordPrefix}anna`))?.endsWith(".c1\x1fgateway-1"));
    assert.equal(await admin.hGet(storeKey, "schema"), "1");
  });

  test("while nodes are updated nobody gets one, and sessions are as ever; from the first one on nodes of before harm nobody", async () => {
    await admin.zAdd(nodesKey, { score: Date.now() + 60_000, value: "of-before" });
    await store.announceNode("ours", 60_000);
    assert.deepEqual(await store.openLease("L", "gateway-1"), {
      kind: "unsupported",
      why: "1 presence nodes are of a release that knows no leases: update them first",
    });
    const registered = await register(store, { connectionId: "c1" });
    assert(registered.kind === "registered");
    const { sessionId } = registered;
    await register(store, { userId: "ben", connectionId: "c2" });
    const online = async () => (await store.users(["anna", "ben"])).map((view) => view.online);
    for (let beats = 0; beats < 4; beats++) {
      await elapse(20_000, tickOfBefore);
      assert.equal((await refresh(store, { sessionId })).kind, "refreshed");
    }
    assert.deepEqual(await online(), [true, false]);

    await admin.zRem(nodesKey, "of-before");
    assert.equal((await store.openLease("L", "gateway-1")).kind, "kept");
    const marks = [storeKey, ...keys.map(({ meta }) => meta)].map((key) => admin.hGet(key, "schema"));
    assert.deepEqual(await Promise.all(marks), ["2", "2", "2"]);
    assert.equal((await verify(sessionId)).kind, "refreshed");
    for (let keeps = 0; keeps < 5; keeps++) {
      // One that was cut off meanwhile, and is back.
      for (const ofShard of keys) await assert.rejects(tickOfBefore(ofShard), { message: "MARK 2" });
      await elapse(5_000);
      assert.deepEqual(await store.keepLease("L"), await store.openLease("L", "gateway-1"));
    }
    assert.deepEqual(await online(), [true, false]);
    assert.equal(await store.announceNode("ours", 60_000), 1);
    await store.withdrawNode("ours");
    assert.equal(await admin.zCard(nodesKey), 0);
  });

  test("while nodes are updated nothing is claimed, and records are as ever; from the first claim on nodes of before keep away", async () => {
    await admin.zAdd(nodesKey, { score: Date.now() + 60_000, value: "of-before\0leases" });
    await store.announceNode("ours", 60_000);
    const why = "1 presence nodes are of a release that knows no status: update them first";
    assert.equal(await store.statusesMissing(), why);
    assert.equal((await store.openLease("L", "gateway-1")).kind, "kept", "which they know");
    await admin.zRem(nodesKey, "of-before\0leases");
    await register(store, { connectionId: "c1" });
    const before = await admin.get(`${annaKeys.recordPrefix}anna`);
    assert.equal(before?.includes("\x1e"), false);
    assert.equal(await admin.exists(annaKeys.claims), 0);

    assert.equal(await store.statusesMissing(), undefined);
    const claim = { claimId: "self", text: "", emoji: "", expiresAtMs: undefined, setAtMs: undefined };
    await store.setStatus("anna", { ...claim, availability: "BUSY" });
    assert.equal(await admin.hGet(storeKey, "schema"), "3");
    await elapse(1_000);
    assert.equal(await admin.hGet(annaKeys.meta, "schema"), "3");
    await store.openLease("L", "gateway-1");
    assert.equal(await admin.hGet(annaKeys.meta, "schema"), "3", "a lease does not let them in again");
    await elapse(1_000);
    await store.clearStatus("anna", "self", undefined);
    await assert.rejects(tickOfBefore(annaKeys), { message: "MARK 3" });
  });

  test("once the store lost its data nodes are asked again, and it says again which of them it is for", async () => {
    const open = async () => (await store.openLease("L", "gateway-1")).kind;
    assert.deepEqual([await open(), await store.statusesMissing()], ["kept", undefined]);
    assert.equal(await admin.hGet(storeKey, "schema"), "3");
    await admin.flushAll();
    await admin.zAdd(nodesKey, { score: Date.now() + 60_000, value: "of-before" });
    for (const number of keys.keys()) await store.tick(number, 0);
    assert.equal(await open(), "unsupported");
    assert.match((await store.statusesMissing()) ?? "", /^1 presence nodes are of a release that knows no status/);
    await admin.zRem(nodesKey, "of-before");
    assert.deepEqual([await open(), await store.statusesMissing()], ["kept", undefined]);
    assert.equal(await admin.hGet(storeKey, "schema"), "3");
  });

  test("a lease that a node of before drops all the same is missed at once, and takes nobody down (P1)", async () => {
    const sessionId = await underLease();
    for (const ofShard of keys) {
      await admin.hSet(ofShard.meta, "schema", "1");
      await admin.zAdd(ofShard.deadlines, { score: 0, value: leaseMember("L") });
      await tickOfBefore(ofShard);
      assert.equal(await admin.zScore(ofShard.deadlines, leaseMember("L")), null);
    }
    await elapse(5_000);
    const kept = await store.keepLease("L");
    assert.equal(kept.kind === "kept" && kept.missing, true);
    await store.openLease("L", "gateway-1");
    assert.equal((await verify(sessionId)).kind, "refreshed");
    await elapse(5_000);
    assert.equal((await store.users(["anna"]))[0]?.online, true);
    await assert.rejects(tickOfBefore(annaKeys), { message: "MARK 2" });
  });

  test("a node that knows leases serves a store with them, looks at it, and starts on it", async () => {
    await underLease();
    const operations = () => store.metrics().connectionsLost;
    const before = operations();
    const another = storeOn(redis);
    await another.open();
    const refreshes = await refresh(another, { sessionId: "" });
    assert.equal(refreshes.kind, "superseded");
    // The store is looked at once a second; one with a foreign mark loses its connection.
    const from = Date.now();
    await waitUntil(() => Date.now() - from > 2_500, { what: "it was looked at" });
    assert(another.health().ready && store.health().ready);
    assert.deepEqual(operations(), before);
    await another.close();
  });

  test("a lease has one deadline, its sessions a ZSET of their own, and the record says which", async () => {
    const sessionId = await underLease();
    const member = sessionMember("anna", sessionId);
    assert.deepEqual(await admin.zRange(annaKeys.deadlines, 0, -1), [leaseMember("L")]);
    assert.deepEqual(await admin.zRange(`${annaKeys.leasePrefix}L`, 0, -1), [member]);
    assert((await admin.get(`${annaKeys.recordPrefix}anna`))?.endsWith("\x1fgateway-1\x1f\x1fL"));
    assert.equal(await admin.hGet(annaKeys.meta, "leased"), "1");
    const { clockMs } = await store.tick(shard, 100);
    assertWithin(((await admin.zScore(annaKeys.deadlines, leaseMember("L"))) ?? 0) - clockMs, leaseTtlMs);
    assertWithin(((await admin.zScore(`${annaKeys.leasePrefix}L`, member)) ?? 0) - clockMs, leasedTtlMs);
    await elapse(leaseTtlMs + 1_000);
    const left = await Promise.all([admin.exists(annaKeys.leases), admin.exists(annaKeys.holders)]);
    assert.deepEqual(left, [0, 0]);
    assert.equal(await admin.hGet(annaKeys.meta, "leased"), "0");
  });

  test("a session whose record cannot be read does not hold its lease up, and comes back under it when it can", async () => {
    const sessionId = await underLease();
    const member = sessionMember("anna", sessionId);
    const key = `${annaKeys.recordPrefix}anna`;
    const record = (await admin.get(key)) ?? "";
    await admin.del(key);
    await admin.rPush(key, "garbage");
    await elapse(leaseTtlMs + 1_000);
    assert.equal(await admin.exists(`${annaKeys.leasePrefix}L`), 0);
    assert.deepEqual(await admin.zRange(annaKeys.deadlines, 0, -1), [member]);
    await admin.set(key, record);
    await elapse(ttlMs + 1_000);
    // It was due without its lease, went back under it, and that lease is gone.
    await elapse(1_000);
    const [anna] = await store.users(["anna"]);
    assert.deepEqual([anna?.online, await admin.zCard(annaKeys.deadlines)], [false, 0]);
  });

  test("what another program deletes of leases is mended: nobody lives for ever, nobody is counted out", async () => {
    const sessionId = await underLease();
    await register(store, { userId: "anna", deviceId: "laptop", connectionId: "c2", leaseId: "L" });
    await admin.zRem(`${annaKeys.leasePrefix}L`, sessionMember("anna", sessionId));
    await admin.zAdd(`${annaKeys.leasePrefix}L`, { score: 1e12, value: sessionMember("nobody", "17.c9") });
    let cursor = "";
    const mended = { given: 0, dropped: 0, recounted: 0 };
    for (let walks = 0; walks < 2; ) {
      const step = await store.mend(cursor, new Set(keys.keys()));
      cursor = step.cursor;
      mended.given += step.given;
      mended.dropped += step.dropped;
      mended.recounted += step.recounted;
      if (cursor === "") walks += 1;
    }
    assert.deepEqual(mended, { given: 1, dropped: 1, recounted: 0 });
    await admin.del([annaKeys.leases, annaKeys.holders]);
    await admin.zRem(annaKeys.deadlines, leaseMember("L"));
    await store.mend("", new Set(keys.keys()));
    await elapse(2_000);
    assert.equal((await store.users(["anna"]))[0]?.online, true, "as long as nobody misses the lease");
  });

  test("out of memory keeps leases, opens them again, verifies what is under them, and closes them (P1)", async () => {
    const sessionId = await underLease();
    await admin.configSet("maxmemory", "1mb");
    // The clock is moved by commands that take memory.
    const elapseWithMemory = async (ms: number) => {
      await admin.configSet("maxmemory", "0");
      await elapse(ms);
      await admin.configSet("maxmemory", "1mb");
    };
    try {
      assert.deepEqual(await store.keepLease("L"), await store.openLease("L", "gateway-1"));
      assert.equal((await verify(sessionId)).kind, "refreshed");
      await elapseWithMemory(leaseTtlMs + 1_000);
      assert.equal((await verify(sessionId)).kind, "missing");
      await store.openLease("L", "gateway-1");
      assert.equal((await verify(sessionId)).kind, "refreshed");
      await store.closeLease("L", "UNSPECIFIED");
      await elapseWithMemory(1_000);
      assert.equal((await store.users(["anna"]))[0]?.online, false);
    } finally {
      await admin.configSet("maxmemory", "0");
    }
  });

  test("a heartbeat of a lease that Redis did not confirm goes with the next tick (P1)", async () => {
    await underLease();
    const deadline = async () => (await admin.zScore(annaKeys.deadlines, leaseMember("L"))) ?? 0;
    const before = await deadline();
    await elapse(3_000);
    await admin.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    await waitUntil(
      () =>
        store.keepLease("L").then(
          () => false,
          () => true,
        ),
      { what: "a heartbeat fails" },
    );
    await waitUntil(() => store.health().ready, { what: "the store is back" });
    await elapse(1_000);
    // A few ms less: a heartbeat counts from when it came.
    assert((await deadline()) >= before + 2_500);
  });

  test("when one shard fails, the others keep the lease, and the answer says that it is partial", async () => {
    await underLease();
    const other = keys[1 - shard] as ShardKeys;
    await admin.rename(other.deadlines, "elsewhere");
    await admin.set(other.deadlines, "no zset");
    const kept = await store.keepLease("L");
    assert.deepEqual([kept.kind, kept.kind === "kept" && kept.partial], ["kept", true]);
    const opened = await store.openLease("L", "gateway-1");
    assert.deepEqual([opened.kind, opened.kind === "kept" && opened.partial], ["kept", true]);
    await assert.rejects(store.closeLease("L", "SERVER_DRAIN"));
    assert.deepEqual((await store.users(["anna"]))[0]?.online, true);
  });
});

/**
 * What a tick of the release before leases does, but for taking sessions down, which is left to ours: refuses a shard of
 * another schema, moves the clock on, drops what is due and names no user.
 */
const scriptOfBefore = `
local meta, deadlines, schema = KEYS[1], KEYS[2], ARGV[1]
local its_schema = redis.call('HGET', meta, 'schema')
if its_schema ~= schema then return redis.error_reply('MARK ' .. its_schema) end
local time, clock, ticked = redis.call('TIME'), unpack(redis.call('HMGET', meta, 'clock', 'ticked'))
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local clock_ms = clock + math.min(math.max(0, now_ms - ticked), 1000)
redis.call('HSET', meta, 'clock', string.format('%d', clock_ms), 'ticked', string.format('%d', now_ms))
for _, member in ipairs(redis.call('ZRANGEBYSCORE', deadlines, '-inf', clock_ms)) do
  if not string.find(member, '^%Z') then redis.call('ZREM', deadlines, member) end
end`;

function assertWithin(leftMs: number, wholeMs: number): void {
  assert(leftMs <= wholeMs && leftMs > wholeMs - 5_000, `${leftMs} ms are left of ${wholeMs}`);
}
