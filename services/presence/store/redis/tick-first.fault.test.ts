import assert from "node:assert/strict";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { after, before, describe, type TestContext, test } from "node:test";
import { withSource } from "@realchat/presence-redis";
import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { type ClusterNode, startRedisCluster, type TestRedisCluster, waitUntil } from "@realchat/presence-testing";
import { isMark } from "../../domain/log-entry.ts";
import { defaultRules } from "../../domain/rules.ts";
import { shardOf } from "../../domain/shard.ts";
import { Ticker } from "../../shards/ticker.ts";
import { shardKeys } from "./keys.ts";
import { tick } from "./lua/tick/tick.ts";
import type { RedisStore } from "./redis-store.ts";
import { scriptRules, writeRules } from "./script-rules.ts";
import { refresh, register, storeOn, untilReady } from "./testing/open-store.ts";

const shardCount = 8;
const rules = { ...defaultRules, ttlMs: 6_000 };
const retentionMs = 3_600_000;
const keys = shardKeys(shardCount);
const tickSource = writeRules(tick.source, scriptRules(rules, retentionMs, 1_000_000 / shardCount));
/** A tick as MONITOR shows it, by its hash or whole. */
const tickWords = [withSource(tick, tickSource).sha1, JSON.stringify(tickSource).slice(1, 200)];
const users = Array.from({ length: 60 }, (_, index) => `user-${index}`);
const earlyUsers = users.slice(0, 30);
const lateUsers = users.slice(30);

/** What one connection to one server was asked first of each shard. */
type FirstCommands = Map<string, string>;

describe("the first command of each shard on a Cluster is a tick", () => {
  let cluster: TestRedisCluster;
  /** Of users whose heartbeats come. */
  const sessions = new Map<string, string>();
  before(async () => {
    cluster = await startRedisCluster();
  });
  after(() => cluster.stop());

  const primaryOfZero = async () => cluster.primaryOf(await cluster.slotOf(keys[0]?.meta as string));
  async function replicaOf(primary: ClusterNode): Promise<ClusterNode> {
    const replicas = String(await primary.command("CLUSTER", "REPLICAS", primary.id));
    return cluster.nodes.find(({ id }) => id !== primary.id && replicas.includes(id)) as ClusterNode;
  }
  async function shardsOf(node: ClusterNode): Promise<readonly number[]> {
    const owners = await Promise.all(keys.map(async ({ meta }) => cluster.primaryOf(await cluster.slotOf(meta))));
    return owners.flatMap((owner, shard) => (owner === node ? [shard] : []));
  }

  test("after a slot moved", async (t) => {
    const store = await openStore(t);
    await come(store, users);
    const from = await primaryOfZero();
    const to = (await cluster.primaries()).find((node) => node !== from) as ClusterNode;
    const firsts = monitor(t, to, cluster.nodes);
    const lies = watchForLies(t, store, users);
    await cluster.migrateSlot(await cluster.slotOf(keys[0]?.meta as string), to);
    const ofZero = () => new Map([...firsts].filter(([key]) => key.endsWith(" {00}")));
    await waitUntil(() => ofZero().size > 0 && store.health().ready, { what: "the shard is served where it went" });
    await pause(clock, 500);
    onlyTicks(ofZero());
    assert.deepEqual(lies, []);
    assert.deepEqual(beginReasons(store), ["other_server"]);
  });

  test("after a fail-over by command", async (t) => {
    const store = await openStore(t);
    await come(store, users);
    const primary = await primaryOfZero();
    const shards = await shardsOf(primary);
    const firsts = monitor(t, await replicaOf(primary), cluster.nodes);
    const lies = watchForLies(t, store, users);
    await cluster.failover(primary);
    await waitUntil(() => firsts.size >= shards.length && store.health().ready, { what: "the shards are served" });
    await pause(clock, 500);
    onlyTicks(firsts);
    assert.deepEqual(lies, []);
    await cluster.untilWhole();
  });

  test("after a replica without the last writes was promoted: it begins anew, and nobody reads offline before", async (t) => {
    const store = await openStore(t);
    await come(store, earlyUsers);
    const primary = await primaryOfZero();
    const shards = await shardsOf(primary);
    const replica = await replicaOf(primary);
    await waitUntil(async () => (await primary.command("WAIT", "1", "1000")) === 1, {
      what: "the replica has the early",
    });
    // It takes no more from the socket, and what is written from now on goes into none.
    replica.pause();
    await primary.command("CLIENT", "KILL", "TYPE", "replica");
    await come(store, lateUsers);
    const lost = lateUsers.filter((userId) => shards.includes(shardOf(userId, shardCount)));
    assert(lost.length > 0);
    const lies = watchForLies(t, store, users);
    await primary.kill();
    const firsts = monitor(t, replica, cluster.nodes);
    replica.resume();
    await waitUntil(() => firsts.size >= shards.length && store.health().ready, { what: "the shards are served" });
    onlyTicks(firsts);
    for (const shard of shards) {
      const { entries } = await store.readLog(shard, 0, 10_000);
      assert(
        entries.some((entry) => isMark(entry) && entry.mark === "begin"),
        `shard ${shard} has logged its begin`,
      );
      assert(store.isRecovering(shard));
    }
    const views = await store.users(lost);
    assert.deepEqual(
      views.filter(({ online }) => online),
      [],
      "the replica did lack the last writes",
    );
    // Their gateways have them back before the recovery is over.
    await come(store, lateUsers);
    assert.deepEqual(
      (await store.users(users)).filter(({ online }) => !online),
      [],
    );
    assert.deepEqual(lies, []);
    await primary.restart();
    await cluster.untilWhole();
  });

  /** Their heartbeats come all the time from then on, and would like to be a connection's first command. */
  async function come(store: RedisStore, userIds: readonly string[]): Promise<void> {
    for (const userId of userIds) {
      const { sessionId } = (await register(store, { userId, connectionId: userId })) as { sessionId: string };
      sessions.set(userId, sessionId);
    }
  }

  async function openStore(t: TestContext): Promise<RedisStore> {
    for (const node of await cluster.primaries()) await node.command("FLUSHALL");
    const store = storeOn(cluster, { cluster: true, shards: shardCount, rules, retentionMs });
    await store.open();
    await untilReady(store);
    const ticker = new Ticker({ store, shardCount, ttlMs: rules.ttlMs, clock, onTick() {} });
    ticker.start();
    sessions.clear();
    const stopBeats = clock.every(20, () => {
      for (const [userId, sessionId] of sessions) void refresh(store, { userId, sessionId });
    });
    t.after(async () => {
      stopBeats();
      ticker.stop();
      await store.close();
    });
    // What began with an empty store is over.
    await waitUntil(() => keys.every((_, shard) => !store.isRecovering(shard)), { what: "no shard recovers" });
    return store;
  }
});

/** Notes the first command about each shard of each connection to the server, but for those of other nodes to it. */
function monitor(t: TestContext, { host, port }: ClusterNode, nodes: readonly ClusterNode[]): FirstCommands {
  const firsts: FirstCommands = new Map();
  const socket = connect({ host, port });
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  socket.write("MONITOR\r\n");
  const listeners = new Set<string>();
  createInterface({ input: socket }).on("line", (line) => {
    const [, from, command] = /^\+[\d.]+ \[\d+ (\S+)\] "(\w+)"/.exec(line) ?? [];
    const shard = /presence:(\{\d\d\})/.exec(line)?.[1];
    if (from === undefined || from === "lua" || command === undefined || shard === undefined) return;
    // The connection that hears announcements asks nothing; the mark is compared first of all, and changes nothing.
    if (/subscribe/i.test(command)) listeners.add(from);
    const isMark = /^"(HMGET|HSETNX)" "presence:\{\d\d\}:meta" "sch/i.test(line.slice(line.indexOf('"')));
    if (listeners.has(from) || isMark || /^(MIGRATE|RESTORE|CLUSTER|SPUBLISH)/i.test(command)) return;
    if (nodes.some((node) => from === `${node.host}:${node.port}`)) return;
    const key = `${from} ${shard}`;
    if (!firsts.has(key)) firsts.set(key, line);
  });
  return firsts;
}

function onlyTicks(firsts: FirstCommands): void {
  for (const [key, line] of firsts)
    assert(
      tickWords.some((word) => line.includes(word)),
      `${key}: ${line.slice(0, 300)}`,
    );
}

/** Whoever reads offline although they are there, of a shard that does not say that it recovers. */
function watchForLies(t: TestContext, store: RedisStore, userIds: readonly string[]): string[] {
  const lies: string[] = [];
  const look = async () => {
    const views = await store.users(userIds).catch(() => []);
    for (const { userId, online, unknown } of views) {
      if (!online && unknown === undefined && !store.isRecovering(shardOf(userId, shardCount))) lies.push(userId);
    }
  };
  t.after(clock.every(20, () => void look()));
  return lies;
}

function beginReasons(store: RedisStore): string[] {
  return Object.keys(store.metrics().begins).filter((reason) => reason !== "empty");
}
