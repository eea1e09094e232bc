import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import {
  type ClusterNode,
  startDelivery,
  startPresence,
  startRedisCluster,
  type TestRedisCluster,
  waitUntil,
} from "@realchat/presence-testing";
import { shardKeys } from "../store/redis/keys.ts";
import { metricOf } from "../testing/fleet.ts";

const shardCount = 8;

interface Readiness {
  readonly status: number;
  readonly checks: Readonly<Record<string, { status: string; detail: string; optional?: boolean }>>;
}

async function readiness({ httpAddress }: { httpAddress: string }): Promise<Readiness> {
  const response = await fetch(`http://${httpAddress}/health/ready`);
  const { checks } = (await response.json()) as Pick<Readiness, "checks">;
  return { status: response.status, checks };
}

describe("what a node says of a Cluster", () => {
  let cluster: TestRedisCluster;
  before(async () => {
    cluster = await startRedisCluster();
  });
  after(() => cluster.stop());

  const setCoverage = (value: "yes" | "no") =>
    Promise.all(cluster.nodes.map((node) => node.command("CONFIG", "SET", "cluster-require-full-coverage", value)));
  const clusterEnv = { REDIS_CLUSTER: "true", EVENTS: "memory", SHARDS: String(shardCount) };
  /** As one who may do what the documentation asks for, and no more. */
  async function asPresence(): Promise<string> {
    for (const node of cluster.nodes)
      await node.command(..."ACL SETUSER presence on >s3cret ~* &* +@all -@admin -@dangerous +info".split(" "));
    return cluster.url.replace("redis://", "redis://presence:s3cret@");
  }

  async function presence(t: TestContext, url = cluster.url) {
    const node = await startPresence({ env: { ...clusterEnv, REDIS_URL: url }, recovers: true });
    t.after(() => node.stop());
    return node;
  }

  /** Kills the primary of shard 0 and whoever may take its place. @returns shards that nobody serves then */
  async function killShardZero(t: TestContext): Promise<readonly number[]> {
    const primaryOf = async (shard: number) =>
      cluster.primaryOf(await cluster.slotOf(shardKeys(shardCount)[shard]?.meta ?? ""));
    const owners = await Promise.all(Array.from({ length: shardCount }, (_, shard) => primaryOf(shard)));
    const primary = owners[0] as ClusterNode;
    const replicas = String(await primary.command("CLUSTER", "REPLICAS", primary.id));
    const doomed = cluster.nodes.filter(({ id }) => id === primary.id || replicas.includes(id));
    await Promise.all(doomed.map((node) => node.kill()));
    t.after(async () => {
      await Promise.all(doomed.map((node) => node.restart()));
      await setCoverage("no");
      await cluster.untilWhole();
    });
    return owners.flatMap((owner, shard) => (owner === primary ? [shard] : []));
  }

  test("names shards whose primary is away", async (t) => {
    const node = await presence(t);
    const lost = await killShardZero(t);
    assert(lost.length > 0 && lost.length < shardCount);
    const told = `shard ${lost.join(", ")}: `;
    await waitUntil(async () => (await readiness(node)).checks.store?.detail.includes(told), { what: told });
    const { detail } = (await readiness(node)).checks.store ?? { detail: "" };
    assert.doesNotMatch(detail, /cluster-require-full-coverage/);
  });

  test("is that all is lost with one shard, when it wants full coverage, by log, check and metric", async (t) => {
    await setCoverage("yes");
    const node = await presence(t);
    const gateway = await startDelivery({
      env: { PRESENCE_SVC_ADDR: node.grpcAddress, REDIS_URL: cluster.url, REDIS_CLUSTER: "true" },
    });
    t.after(() => gateway.stop());
    const risk = /Redis' cluster-require-full-coverage is yes: the loss of one shard is the loss of all; set it to no/;
    for (const one of [node, gateway]) {
      await waitUntil(() => risk.test(one.logs()), { what: "the log tells it" });
      const { status, checks } = await readiness(one);
      assert.equal(status, 200, "what works is used");
      assert.equal(checks.settings?.status, "not ready");
      assert.match(checks.settings?.detail ?? "", risk);
    }
    assert.equal(await metricOf(node, "presence_store_risky_settings"), 1);
    assert.equal(await metricOf(gateway as never, "delivery_directory_risky_settings"), 1);
    await setCoverage("no");
    for (const one of [node, gateway])
      await waitUntil(async () => (await readiness(one)).checks.settings?.status === "ready", { what: "all is well" });
    assert.equal(await metricOf(node, "presence_store_risky_settings"), 0);
  });

  test("is that nothing is known where CONFIG is forbidden, until slots are lost", async (t) => {
    await setCoverage("yes");
    const node = await presence(t, await asPresence());
    const isSaid = async () => (await readiness(node)).checks.settings?.detail.includes("+config|get");
    await waitUntil(isSaid, { what: "the node says what it may not ask" });
    const { settings } = (await readiness(node)).checks;
    assert.equal(settings?.status, "ready");
    assert.match(settings?.detail ?? "", /cluster-require-full-coverage cannot be read: permit \+config\|get/);
    await killShardZero(t);
    const why = /it refuses every slot since no node serves \d+ of them: set cluster-require-full-coverage to no/;
    await waitUntil(async () => why.test((await readiness(node)).checks.store?.detail ?? ""), {
      what: "the node says why",
    });
  });
});
