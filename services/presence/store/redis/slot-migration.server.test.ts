import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, type TestContext, test } from "node:test";
import { codeBehind } from "@realchat/presence-redis";
import { type RedisSite, siteOn } from "@realchat/presence-redis/testing";
import {
  type ClusterNode,
  type SlotMigration,
  startRedisCluster,
  type TestRedisCluster,
  waitUntil,
} from "@realchat/presence-testing";
import { defaultRules } from "../../domain/rules.ts";
import { shardOf } from "../../domain/shard.ts";
import type { StoreHarness } from "../contract/store-harness.ts";
import { contractOptions } from "../contract/store-harness.ts";
import { type ShardKeys, sessionMember, shardKeys } from "./keys.ts";
import type { RedisStore } from "./redis-store.ts";
import { refresh, register } from "./testing/open-store.ts";
import { openRedisHarness } from "./testing/redis-harness.ts";

const { ttlMs, graceMs } = defaultRules;
const shardCount = 2;
const keys = shardKeys(shardCount);
/** Two users of the shard that migrates, and one of the other. */
const [anna, bob, carl] = ["anna", ...usersLike("anna", true), ...usersLike("anna", false)] as [string, string, string];
const moving = shardOf(anna, shardCount);
const { recordPrefix, deadlines } = keys[moving] as ShardKeys;

/** A store on a Cluster, while the slot of one of its shards migrates. */
describe("while a shard's slot migrates", () => {
  let cluster: TestRedisCluster;
  let site: RedisSite;
  before(async () => {
    cluster = await startRedisCluster();
    site = await siteOn(cluster);
  });
  after(() => site.stop());

  let harness: StoreHarness;
  let store: RedisStore;
  beforeEach(async () => {
    harness = await openRedisHarness(site, contractOptions);
    store = harness.store as RedisStore;
    await waitUntil(() => store.health().ready, { what: "the store is ready" });
    await harness.elapse(0);
  });
  afterEach(() => harness.close());

  async function begin(t: TestContext): Promise<{ from: ClusterNode; to: ClusterNode; migration: SlotMigration }> {
    const slot = await cluster.slotOf(deadlines);
    const from = await cluster.primaryOf(slot);
    const to = (await cluster.primaries()).find((node) => node !== from) as ClusterNode;
    const migration = await cluster.beginMigration(slot, to);
    t.after(() => migration.finish());
    return { from, to, migration };
  }

  test("a user whose record has gone ahead neither goes offline, nor lives longer for it", async (t) => {
    await register(store, { userId: anna, connectionId: "a" });
    await register(store, { userId: bob, connectionId: "b" });
    await harness.elapse(ttlMs - 2_000);
    const { from, migration } = await begin(t);
    await migration.moveKeys(recordPrefix + anna);
    const member = (await deadlineMembers(from)).find((one) => one.startsWith(`${anna}\0`)) as string;
    const deadlineMs = await from.command("ZSCORE", deadlines, member);
    await harness.elapse(3_000);
    assert.equal(await from.command("ZSCORE", deadlines, member), deadlineMs, "no deadline was postponed");
    assert.equal(
      (await entriesOf(store, moving)).filter(({ online }) => !online).length,
      1,
      "bob went offline, anna did not",
    );
    await migration.finish();
    await untilServed(store);
    // The shard has begun anew there, and takes nobody down while it recovers.
    await harness.elapse(ttlMs + 1_000);
    assert.deepEqual(
      (await entriesOf(store, moving)).filter(({ online }) => !online).map(({ userId }) => userId),
      [bob, anna],
    );
  });

  test("what cannot be known is UNAVAILABLE, and what can goes on; announcements too", async (t) => {
    const heard: string[] = [];
    t.after(
      store.follow(moving, {
        entry: (entry) => "userId" in entry && heard.push(entry.userId),
        interrupted() {},
      }),
    );
    await register(store, { userId: anna, connectionId: "a" });
    const bobs = await register(store, { userId: bob, connectionId: "b" });
    await register(store, { userId: carl, connectionId: "c" });
    const { migration } = await begin(t);
    await migration.moveKeys(recordPrefix + anna);
    // A heartbeat, and an end with its entry and announcement, of who is still here.
    const sessionId = (bobs as { sessionId: string }).sessionId;
    assert.equal((await refresh(store, { userId: bob, sessionId })).kind, "refreshed");
    const bobsEnd = { userId: bob, deviceId: "phone", sessionId, reason: "LOGGED_OUT" } as const;
    assert.equal((await store.unregister(bobsEnd)).kind, "ended");
    await waitUntil(() => heard.includes(bob) && heard.at(-1) === bob, { what: "bob's end was announced" });
    // Who is not, and who is new.
    await assert.rejects(register(store, { userId: anna, connectionId: "a2" }), { code: "UNAVAILABLE" });
    await assert.rejects(store.users([anna]), { code: "UNAVAILABLE" });
    const [annas, carls] = await store.users([anna, carl]);
    assert.equal((annas?.unknown as { code?: string } | undefined)?.code, "UNAVAILABLE");
    assert.equal(carls?.online, true, "the other shard answers");
    await assert.rejects(async () => {
      for await (const _ of store.scanOnline(moving));
    }, isRedirected);
    await migration.finish();
    await untilServed(store);
    assert.deepEqual(
      (await store.users([anna, bob, carl])).map(({ online }) => online),
      [true, false, true],
    );
  });

  test("nobody says that all were restated, since those who went ahead were not", async (t) => {
    await register(store, { userId: anna, connectionId: "a" });
    const lease = await store.claim(moving, "node", 10_000);
    assert(lease !== undefined);
    const begun = (await store.tick(moving, 0)).begin || (await store.beginRestating(moving, lease.fence)) || 0;
    const duty = { begin: begun, fence: (await store.claim(moving, "node", 10_000))?.fence ?? 0 };
    const { migration } = await begin(t);
    await migration.moveKeys(recordPrefix + anna);
    await assert.rejects(store.completeRestating(moving, duty), { code: "UNAVAILABLE" });
    await migration.finish();
  });

  test("a session that takes the place of the only one keeps its deadline", async (t) => {
    await register(store, { userId: anna, connectionId: "a" });
    const { from, migration } = await begin(t);
    const result = await register(store, { userId: anna, connectionId: "a2" });
    assert.equal(result.kind, "registered");
    const { sessionId } = result as { sessionId: string };
    assert.deepEqual(await deadlineMembers(from), [sessionMember(anna, sessionId)]);
    const left = { userId: anna, deviceId: "phone", sessionId, reason: "CONNECTION_LOST" } as const;
    assert.equal((await store.unregister(left)).kind, "grace");
    assert.deepEqual(await deadlineMembers(from), [`${anna}\0\0phone`]);
    await migration.finish();
    await untilServed(store);
    await harness.elapse(ttlMs + graceMs + 1_000);
    assert.deepEqual((await entriesOf(store, moving)).at(-1)?.online, false);
  });

  async function deadlineMembers(node: ClusterNode): Promise<readonly string[]> {
    return (await node.command("ZRANGE", deadlines, "0", "-1")) as readonly string[];
  }
});

/** Ticks until the shard is on its new server. */
function untilServed(store: RedisStore): Promise<unknown> {
  return waitUntil(() => store.tick(moving, 0).then(() => store.health().ready), { what: "the shard is served again" });
}

async function entriesOf(store: RedisStore, shard: number) {
  const { entries } = await store.readLog(shard, 0, 1_000);
  return entries.filter((entry) => "userId" in entry);
}

function isRedirected(error: unknown): boolean {
  return codeBehind(error) === "ASK";
}

/** The first user whose shard is, or is not, that of another one. */
function usersLike(userId: string, isLike: boolean): string[] {
  const all = Array.from({ length: 20 }, (_, index) => `user-${index}`);
  const shard = shardOf(userId, shardCount);
  return all.filter((one) => (shardOf(one, shardCount) === shard) === isLike).slice(0, 1);
}
