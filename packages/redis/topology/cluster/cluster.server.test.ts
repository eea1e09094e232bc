import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { systemClock } from "@realchat/presence-runtime/clock";
import {
  type ClusterNode,
  heldUp,
  startRedis,
  startRedisCluster,
  type TestRedisCluster,
  waitUntil,
} from "@realchat/presence-testing";
import { codeBehind, replyBehind } from "../../redis-error.ts";
import type { RedisPlace } from "../../redis-place.ts";
import { serversAt } from "../open-servers.ts";
import type { RedisLink, RedisServers } from "../redis-servers.ts";
import { scanServers } from "../scan-servers.ts";

/** Parts whose slots lie on each of three primaries: see the first test. */
const keys = ["{06}", "{1}", "{a}", "{b}"];

interface Opened {
  readonly servers: RedisServers;
  /** What came to prepare, in order. */
  readonly prepared: (readonly number[])[];
  readonly lost: number[];
  link(part: number): RedisLink;
}

async function openServers(t: TestContext, place: RedisPlace, parts: readonly string[] = keys): Promise<Opened> {
  const prepared: (readonly number[])[] = [];
  const lost: number[] = [];
  const servers = serversAt(
    place,
    {
      parts,
      commandTimeoutMs: 1_000,
      maxCommands: 100,
      async prepare(client, some) {
        for (const part of some) await client.sendCommand(["HINCRBY", `${parts[part]}:prepared`, "count", "1"]);
        prepared.push(some);
        return "Redis";
      },
      onLost: (some) => lost.push(...some),
    },
    systemClock,
  );
  await servers.start();
  t.after(() => servers.close());
  return { servers, prepared, lost, link: (part) => servers.links[part] as RedisLink };
}

function untilReady({ servers }: Opened): Promise<unknown> {
  return waitUntil(() => servers.links.every(({ isReady }) => isReady), { what: "all parts are served" });
}

describe("the servers of a Cluster", () => {
  let cluster: TestRedisCluster;
  before(async () => {
    cluster = await startRedisCluster();
  });
  after(() => cluster.stop());

  const at = () => ({ url: cluster.url, cluster: true });
  /** See heldUp. */
  const heldUpMs = () => heldUp(() => cluster.nodes.map(({ pid }) => pid));
  const primaryOf = async (part: number) => cluster.primaryOf(await cluster.slotOf(keys[part] as string));

  test("are reached by their parts, each prepared first", async (t) => {
    const opened = await openServers(t, at());
    await untilReady(opened);
    assert.equal(
      new Set(await Promise.all(keys.map((_, part) => primaryOf(part)))).size,
      3,
      "the keys lie on all primaries",
    );
    assert.deepEqual(opened.prepared.flat().sort(), [0, 1, 2, 3]);
    for (const [part, key] of keys.entries()) await opened.link(part).send(["SET", key, "x"]);
    const seen = new Set<string>();
    for (let cursor = ""; ; ) {
      const step = await scanServers(opened.servers, cursor, { match: "{*}", count: 1_000 });
      for (const key of step.keys) seen.add(key);
      cursor = step.cursor;
      if (cursor === "") break;
    }
    assert.deepEqual([...seen].sort(), [...keys].sort());
    assert.deepEqual(opened.servers.servers.flatMap(({ parts }) => [...parts]).sort(), [0, 1, 2, 3]);
  });

  test("that have a part no more say so: nothing is sent again, and the part is prepared where it went", async (t) => {
    const opened = await openServers(t, at());
    await untilReady(opened);
    const from = await primaryOf(0);
    const to = cluster.nodes.find(
      (node) => node !== from && node.port === Number(nameOtherThan(opened, from).split(":")[1]),
    ) as ClusterNode;
    await opened.link(0).send(["SET", "{06}n", "0"]);
    await cluster.migrateSlot(await cluster.slotOf("{06}"), to);
    const failure: Error = await opened
      .link(0)
      .send(["INCR", "{06}n"])
      .then(
        () => assert.fail("it was sent on"),
        (error) => error,
      );
    assert.match(replyBehind(failure), /^MOVED /);
    assert.deepEqual(opened.lost, [0]);
    assert.equal(opened.link(0).isReady, false);
    const before = opened.prepared.length;
    await untilReady(opened);
    assert.deepEqual(opened.prepared.slice(before), [[0]]);
    assert.equal(await opened.link(0).send(["GET", "{06}n"]), "0");
    assert.equal(opened.servers.servers.find(({ parts }) => parts.has(0))?.name, `127.0.0.1:${to.port}`);
  });

  test("hand a part over without being asked for it: the map tells within two seconds", async (t) => {
    const opened = await openServers(t, at());
    await untilReady(opened);
    const from = await primaryOf(1);
    const to = cluster.nodes.find(
      (node) => node.port === Number(nameOtherThan(opened, from).split(":")[1]),
    ) as ClusterNode;
    const lateMs = heldUpMs();
    await cluster.migrateSlot(await cluster.slotOf("{1}"), to);
    const movedAtMs = systemClock.monotonicMs();
    await waitUntil(() => opened.servers.servers.find(({ parts }) => parts.has(1))?.name === `127.0.0.1:${to.port}`, {
      what: "the part is served by its new server",
    });
    const tookMs = systemClock.monotonicMs() - movedAtMs;
    assert(tookMs < 2_000 + lateMs(), `${tookMs} ms`);
    assert.deepEqual(opened.lost, [1]);
  });

  test("answer nothing with ASKING while a slot migrates", async (t) => {
    const opened = await openServers(t, at());
    await untilReady(opened);
    const from = await primaryOf(2);
    const to = cluster.nodes.find(
      (node) => node.port === Number(nameOtherThan(opened, from).split(":")[1]),
    ) as ClusterNode;
    await opened.link(2).send(["MSET", "{a}1", "x", "{a}2", "y"]);
    const migration = await cluster.beginMigration(await cluster.slotOf("{a}"), to);
    await migration.moveKeys("{a}1");
    assert.equal(codeBehind(await failureOf(opened.link(2).send(["GET", "{a}1"]))), "ASK");
    assert.equal(codeBehind(await failureOf(opened.link(2).send(["MGET", "{a}1", "{a}2"]))), "TRYAGAIN");
    assert.equal(await opened.link(2).send(["GET", "{a}2"]), "y");
    assert.equal(opened.link(2).isReady, true);
    assert.deepEqual(opened.lost, []);
    await migration.finish();
  });

  test("that hang hold up no other, and no caller of their own", async (t) => {
    const opened = await openServers(t, at());
    await untilReady(opened);
    const hanging = await primaryOf(3);
    const others = [...keys.keys()].filter((part) => !servedBy(opened, 3).has(part));
    hanging.pause();
    t.after(() => hanging.resume());
    const lateMs = heldUpMs();
    const sentAtMs = systemClock.monotonicMs();
    const failure = await failureOf(opened.link(3).send(["GET", "{b}"]));
    const waitedMs = systemClock.monotonicMs() - sentAtMs;
    assert.match(failure.message, /no reply for 500 ms/);
    assert(waitedMs < 900 + lateMs(), `${waitedMs} ms`);
    assert.equal(opened.link(3).isReady, false);
    await assert.rejects(opened.link(3).send(["GET", "{b}"]), /no reply for 500 ms/);
    for (const part of others) await opened.link(part).send(["GET", keys[part] as string]);
    await waitUntil(() => opened.link(3).isReady, { what: "a replica took over" });
    await waitUntil(async () => (await primaryOf(3)) !== hanging, { what: "all servers have heard of it" });
    assert(others.every((part) => !opened.lost.includes(part)));
    hanging.resume();
    await cluster.untilWhole();
  });

  test("that die are replaced; who comes then finds the way by another seed, or waits for its only one", async (t) => {
    const opened = await openServers(t, at());
    await untilReady(opened);
    const dying = await primaryOf(3);
    await dying.kill();
    const diedAtMs = systemClock.monotonicMs();
    await waitUntil(async () => (await primaryOf(3)) !== dying, { what: "the Cluster has elected a replica" });
    const lateMs = heldUpMs();
    const electedAtMs = systemClock.monotonicMs();
    await untilReady(opened);
    const servedAtMs = systemClock.monotonicMs();
    t.diagnostic(
      `elected after ${Math.round(electedAtMs - diedAtMs)} ms, served after ${Math.round(servedAtMs - diedAtMs)} ms`,
    );
    assert(servedAtMs - electedAtMs < 2_000 + lateMs(), `${servedAtMs - electedAtMs} ms`);
    const url = `redis://${dying.host}:${dying.port}`;
    const seeds = cluster.nodes.filter((node) => node !== dying).slice(0, 1);
    const late = await openServers(t, { url, seeds, cluster: true });
    await untilReady(late);
    assert(!late.servers.servers.some(({ name }) => name.endsWith(`:${dying.port}`)));
    // Without another one there is no way, until the seed is back: it goes on looking.
    const alone = await openServers(t, { url, cluster: true });
    assert(alone.servers.links.every(({ isReady }) => !isReady));
    assert.match(alone.servers.detail, /ECONNREFUSED/);
    await dying.restart();
    await untilReady(alone);
    await cluster.untilWhole();
  });
});

test("a server that is part of no Cluster is refused, saying what to do", async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  await assert.rejects(
    openServers(t, { url: redis.url, cluster: true }),
    /is part of no Redis Cluster: leave out REDIS_CLUSTER/,
  );
});

test("the servers of a Cluster are reached over TLS, with user and password", async (t) => {
  const { ca, server } = issueCertificates();
  const login = { user: "presence", password: "s3cret" };
  const cluster = await startRedisCluster({ tls: { ca, server }, ...login });
  t.after(() => cluster.stop());
  const opened = await openServers(t, { url: cluster.url, tlsCa: ca, cluster: true });
  await untilReady(opened);
  for (const [part, key] of keys.entries()) await opened.link(part).send(["SET", key, "x"]);
  assert(!opened.servers.detail.includes("s3cret"));
  const { url } = cluster;
  await assert.rejects(
    openServers(t, { url: url.replace("s3cret", "wrong"), tlsCa: ca, cluster: true }),
    /does not accept user and password/,
  );
});

async function failureOf(sent: Promise<unknown>): Promise<Error> {
  return sent.then(
    () => assert.fail("it was answered"),
    (error) => error,
  );
}

function servedBy({ servers }: Opened, part: number): ReadonlySet<number> {
  return servers.servers.find(({ parts }) => parts.has(part))?.parts ?? new Set();
}

/** A server of ours that is not that one. */
function nameOtherThan({ servers }: Opened, node: ClusterNode): string {
  return servers.servers.find(({ name }) => !name.endsWith(`:${node.port}`))?.name ?? "";
}
