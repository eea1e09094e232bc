import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ContractReader, type ReaderChange } from "@realchat/presence-client/testing";
import { events, presence } from "@realchat/presence-proto";
import { systemClock } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import { defaultRules } from "../domain/rules.ts";
import { shardKeys } from "../store/redis/keys.ts";
import { createRedisStore, type RedisStore } from "../store/redis/redis-store.ts";
import { Fleet, metricOf } from "../testing/fleet.ts";

const {
  EVENT_TYPE_USER_ONLINE: USER_ONLINE,
  EVENT_TYPE_USER_OFFLINE: USER_OFFLINE,
  EVENT_TYPE_USER_STATUS_CHANGED: USER_STATUS_CHANGED,
} = events.EventType;
const shards = 4;
const partitions = 4;
const ttlMs = 3_000;

/** Consumers that read nothing but Kafka, and follow the contract (P8). */
describe("a consumer of Kafka alone", () => {
  let fleet: Fleet;
  let admin: ReturnType<typeof createClient>;

  before(async () => {
    const env = { SHARDS: String(shards), EVENTS: "kafka" };
    fleet = await Fleet.start({ nodes: 2, ttlMs, env });
    admin = createClient({ url: fleet.redis.url });
    await admin.connect();
  });
  after(async () => {
    admin.destroy();
    await fleet.stop();
  });

  /** Knows what was published so far, and what comes. @param onOffline hears who goes offline for it */
  async function openReader(onOffline: (userId: string) => void = () => {}): Promise<ContractReader> {
    const onChange = ({ userId, online }: ReaderChange) => online || onOffline(userId);
    const reader = new ContractReader({ partitions, onChange });
    await fleet.collect((partition, value) => reader.record(partition, value));
    return reader;
  }

  const isOnline = (reader: ContractReader, userIds: readonly string[]) =>
    userIds.map((userId) => reader.isOnline(userId) ?? false);
  const all = (count: number, online: boolean) => new Array<boolean>(count).fill(online);

  async function untilAre(reader: ContractReader, userIds: readonly string[], online: boolean): Promise<void> {
    const what = `${userIds[0]} and ${userIds.length - 1} more are ${online ? "online" : "offline"} for the reader`;
    const are = all(userIds.length, online).join();
    await waitUntil(() => isOnline(reader, userIds).join() === are, { what });
  }

  test("passes over what is said of users, if it knows no statuses, and is right all the same (P3, P4)", async () => {
    const [client] = fleet.clients;
    assert(client !== undefined);
    const { api } = client;
    const reader = new ContractReader({ partitions });
    const collector = await fleet.collect((partition, value) => reader.record(partition, value));
    const userId = "says";
    const come = (connectionId: string) => api.registerSession({ ...phone, userId, connectionId });
    const say = (text: string) => {
      const claim = { claimId: "self", source: presence.ClaimSource.CLAIM_SOURCE_MANUAL, text };
      return api.setStatus({ userId, claim });
    };
    const types = () => collector.of(userId).map(({ envelope }) => envelope.eventType);
    const until = async (...expected: events.EventType[]) => {
      await waitUntil(() => types().length >= expected.length, { what: `Kafka has ${expected.length} events` });
      assert.deepEqual(types(), expected);
    };

    const { sessionId } = await come("c-first");
    await say("lunch");
    await until(USER_ONLINE, USER_STATUS_CHANGED);
    // The version of an answer may be that of an event which it never read.
    reader.answer(await api.getPresence({ userIds: [userId] }));
    assert.equal(reader.isOnline(userId), true);
    await api.unregisterSession({ userId, deviceId: phone.deviceId, sessionId });
    await say("back at 3");
    await until(USER_ONLINE, USER_STATUS_CHANGED, USER_OFFLINE, USER_STATUS_CHANGED);
    assert.equal(reader.isOnline(userId), false);
    await come("c-second");
    await until(USER_ONLINE, USER_STATUS_CHANGED, USER_OFFLINE, USER_STATUS_CHANGED, USER_ONLINE);
    assert.equal(reader.isOnline(userId), true);
  });

  test("is right again after a log was cut off before it was published (P4)", async () => {
    const [stays, leaves] = [named("stays", 40), named("leaves", 40)];
    const gateway = fleet.openGateway(500);
    await Promise.all(stays.map((userId) => gateway.openSocket(userId)));
    const [client] = fleet.clients;
    assert(client !== undefined);
    const sessions = await Promise.all(
      leaves.map(async (userId) => {
        const session = { userId, deviceId: "phone", instanceId: "g", connectionId: `c-${userId}` };
        return { ...session, ...(await client.api.registerSession(session)) };
      }),
    );
    const reader = await openReader();
    await untilAre(reader, [...stays, ...leaves], true);

    await Promise.all(fleet.nodes.map((node) => fleet.kill(node)));
    const store = await openStore(fleet.redis.url, ttlMs);
    for (const { userId, deviceId, sessionId } of sessions) {
      assert.equal((await store.unregister({ userId, deviceId, sessionId, reason: "UNSPECIFIED" })).kind, "ended");
    }
    await store.close();
    await cutOffLogs(fleet.redis.url);
    await Promise.all([fleet.addNode(), fleet.addNode()]);
    await untilAre(reader, leaves, false);
    assert.deepEqual(isOnline(reader, stays), all(stays.length, true));
  });

  test("is right again after Redis came back empty: who left meanwhile is offline, and nobody else", async () => {
    const [stays, leaves] = [named("survives", 40), named("vanishes", 40)];
    const [staying, leaving] = [fleet.openGateway(500), fleet.openGateway(500)];
    const sockets = await Promise.all(stays.map((userId) => staying.openSocket(userId)));
    await Promise.all(leaves.map((userId) => leaving.openSocket(userId)));
    const greyed = new Set<string>();
    const reader = await openReader((userId) => greyed.add(userId));
    await untilAre(reader, [...stays, ...leaves], true);

    const heldUpMs = fleet.heldUp();
    await admin.sendCommand(["FLUSHALL"]);
    const lostAtMs = systemClock.monotonicMs();
    await leaving.crash();
    await untilAre(reader, leaves, false);
    const tookMs = systemClock.monotonicMs() - lostAtMs;
    assert(tookMs < ttlMs + 5_000 + heldUpMs(), `${tookMs} ms`);
    // On a busy machine heartbeats may be late themselves; nobody else may go offline (P1), and that not for long.
    const lost = sockets.filter(({ userId, longestGapMs }) => greyed.has(userId) && longestGapMs < ttlMs);
    assert.deepEqual(lost, [], "heartbeats that were answered in time kept nobody online");
    await untilAre(reader, stays, true);
  });
});

test("20,000 users are restated in one go, each once, and then every partition is reset (P8)", async (t) => {
  const env = { SHARDS: String(shards), EVENTS: "kafka" };
  const fleet = await Fleet.start({ nodes: 1, ttlMs: 600_000, env });
  t.after(() => fleet.stop());
  const store = await openStore(fleet.redis.url, 600_000);
  const users = named("many", 20_000);
  for (let from = 0; from < users.length; from += 5_000) {
    const some = users.slice(from, from + 5_000);
    await Promise.all(some.map((userId) => store.register({ ...phone, userId })));
  }
  await store.close();
  await Promise.all(fleet.nodes.map((node) => fleet.kill(node)));
  await cutOffLogs(fleet.redis.url);
  const node = await fleet.addNode();
  const restated = () => metricOf(node, "presence_restated_users_total");
  await waitUntil(async () => (await restated()) > 0, { what: "it begins" });
  const startedMs = systemClock.monotonicMs();
  const reader = new ContractReader({ partitions });
  const collector = await fleet.collect((partition, value) => reader.record(partition, value));
  const isDone = async () => (await metricOf(node, "presence_restating_shards")) === 0;
  await waitUntil(isDone, { what: "all are restated", deadlineMs: 60_000 });
  const tookMs = systemClock.monotonicMs() - startedMs;
  // 2 s by its pace. A machine that has others to serve, which the node notices, takes longer.
  assert(tookMs < 50_000, `${tookMs} ms`);
  assert.equal(await restated(), users.length);
  await waitUntil(() => collector.resets.length >= shards * partitions, { what: "every partition has every reset" });
  assert.equal(
    new Set(collector.resets.map(({ shard, partition }) => `${shard} ${partition}`)).size,
    shards * partitions,
  );
  assert.equal(reader.onlineUsers.length, users.length);
});

const phone = { deviceId: "phone", instanceId: "g", connectionId: "c", previousSessionId: "" };

/** As if the logs had run over. */
async function cutOffLogs(url: string): Promise<void> {
  const admin = createClient({ url });
  await admin.connect();
  for (const { log } of shardKeys(shards)) await admin.sendCommand(["XTRIM", log, "MAXLEN", "0"]);
  admin.destroy();
}

function named(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`);
}

async function openStore(url: string, ttlMs: number): Promise<RedisStore> {
  const rules = { ...defaultRules, ttlMs };
  const store = createRedisStore({ url, shards, rules, retentionMs: 3_600_000 }, systemClock);
  await store.open();
  return store;
}
