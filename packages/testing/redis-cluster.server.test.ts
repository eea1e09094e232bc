import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { type ClusterNode, startRedisCluster, type TestRedisCluster } from "./redis-cluster.ts";
import { waitUntil } from "./wait-until.ts";

describe("a Redis Cluster for tests", () => {
  let cluster: TestRedisCluster;
  before(async () => {
    cluster = await startRedisCluster();
  });
  after(() => cluster.stop());

  test("has three primaries with all slots, and a replica each", async () => {
    assert.deepEqual(await cluster.primaries(), cluster.nodes.slice(0, 3));
    assert.equal(await cluster.primaryOf(0), cluster.nodes[0]);
    assert.equal(await cluster.primaryOf(16_383), cluster.nodes[2]);
    for (const replica of cluster.nodes.slice(3)) assert.match(String(await replica.command("ROLE")), /^slave/);
  });

  test("moves a slot with its keys", async () => {
    const slot = await cluster.slotOf("{moving}a");
    const from = await cluster.primaryOf(slot);
    const to = cluster.nodes.slice(0, 3).find((node) => node !== from) as ClusterNode;
    await from.command("SET", "{moving}a", "1");
    await from.command("SET", "{moving}b", "2");
    const migration = await cluster.beginMigration(slot, to);
    await migration.moveKeys("{moving}a");
    await assert.rejects(from.command("GET", "{moving}a"), /^Error: ASK /);
    assert.equal(await from.command("GET", "{moving}b"), "2");
    await migration.finish();
    assert.equal(await to.command("GET", "{moving}b"), "2");
    await assert.rejects(from.command("GET", "{moving}b"), /^Error: MOVED /);
    assert.equal(await cluster.primaryOf(slot), to);
  });

  test("hands over to a replica that is asked to, and to one whose primary died", async () => {
    const asked = await cluster.failover(cluster.nodes[0] as ClusterNode);
    assert.equal(asked, cluster.nodes[3]);
    await cluster.untilWhole();
    await asked.kill();
    await waitUntil(async () => (await cluster.primaryOf(0)) === cluster.nodes[0], { what: "the replica takes over" });
    await asked.restart();
    await cluster.untilWhole();
  });
});

test("a Redis Cluster for tests speaks TLS, and wants user and password, between its nodes too", async (t) => {
  const { ca, server } = issueCertificates();
  const cluster = await startRedisCluster({ tls: { ca, server }, user: "presence", password: "secret" });
  t.after(() => cluster.stop());
  assert.match(cluster.url, /^rediss:\/\/presence:secret@/);
  const slot = await cluster.slotOf("a");
  const from = await cluster.primaryOf(slot);
  await from.command("SET", "a", "1");
  const to = cluster.nodes.slice(0, 3).find((node) => node !== from) as ClusterNode;
  await cluster.migrateSlot(slot, to);
  assert.equal(await to.command("GET", "a"), "1");
});
