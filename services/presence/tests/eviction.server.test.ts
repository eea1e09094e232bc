import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  redisCommand,
  startDelivery,
  startPresence,
  startRedis,
  type TestRedis,
  waitUntil,
} from "@realchat/presence-testing";
import { metricOf } from "../testing/fleet.ts";

type Node = { readonly httpAddress: string; stop(): Promise<unknown> };

/** Status of the answer, and what it says of eviction. */
async function readiness({ httpAddress }: Node): Promise<{ status: number; eviction: string; detail: string }> {
  const response = await fetch(`http://${httpAddress}/health/ready`);
  const { checks } = (await response.json()) as { checks: { eviction: { status: string; detail: string } } };
  return { status: response.status, eviction: checks.eviction.status, detail: checks.eviction.detail };
}

describe("a Redis that may evict", () => {
  let redis: TestRedis;
  const setPolicy = (policy: string) =>
    redisCommand({ host: redis.host, port: redis.port }, "CONFIG", "SET", "maxmemory-policy", policy);
  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.stop());

  const presence = (env = {}) =>
    startPresence({ env: { REDIS_URL: redis.url, EVENTS: "memory", SHARDS: "2", ...env } });

  for (const [policy, loss] of [
    ["allkeys-lru", /users who are online go offline without an event/],
    ["volatile-ttl", /when users were last seen, and that their connections ended, is forgotten/],
  ] as const) {
    test(`is refused at start with ${policy}, and with it allowed by name it is told (P4)`, async (t) => {
      await setPolicy(policy);
      const told = (message: string) => {
        assert.match(message, loss);
        assert.match(message, new RegExp(`set it to noeviction, or accept that with REDIS_ALLOW_EVICTION=${policy}`));
      };
      await assert.rejects(presence(), ({ message }: Error) => {
        told(message);
        return true;
      });
      await assert.rejects(presence({ REDIS_ALLOW_EVICTION: "allkeys-random" }), /maxmemory-policy/);
      const node = await presence({ REDIS_ALLOW_EVICTION: policy });
      t.after(() => node.stop());
      await waitUntil(() => loss.test(node.logs()), { what: "the log tells it" });
      const { status, eviction, detail } = await readiness(node);
      assert.deepEqual([status, eviction], [200, "ready"]);
      assert.match(detail, loss);
      assert.equal(await metricOf(node, "presence_store_may_evict"), 1);
    });
  }

  test("is told of when it is switched later, by a node that works on, also on a new connection (P4)", async (t) => {
    await setPolicy("noeviction");
    const node = await presence();
    t.after(() => node.stop());
    assert.equal((await readiness(node)).detail, "nothing is evicted");
    await setPolicy("allkeys-lru");
    const isTold = async () => (await readiness(node)).eviction === "not ready";
    await waitUntil(isTold, { what: "the node says that Redis evicts" });
    assert.equal(await metricOf(node, "presence_store_may_evict"), 1);
    assert.equal((await readiness(node)).status, 200, "what works is used");
    await waitUntil(() => /eviction is not ready/.test(node.logs()), { what: "the log tells it" });
    await redisCommand({ host: redis.host, port: redis.port }, "CLIENT", "KILL", "TYPE", "normal");
    await node.untilHealth("ready");
    await setPolicy("noeviction");
    await waitUntil(async () => !(await isTold()), { what: "the node says that all is well" });
    assert.equal(await metricOf(node, "presence_store_may_evict"), 0);
  });

  test("is no place for who may see whom, unless it evicts only what expires", async (t) => {
    const upstream = await startPresence();
    t.after(() => upstream.stop());
    const delivery = (env = {}) =>
      startDelivery({ env: { PRESENCE_SVC_ADDR: upstream.grpcAddress, REDIS_URL: redis.url, ...env } });
    await setPolicy("allkeys-lfu");
    await assert.rejects(delivery(), /relations are forgotten.* REDIS_ALLOW_EVICTION=allkeys-lfu/);
    await setPolicy("volatile-lru");
    const gateway = await delivery();
    t.after(() => gateway.stop());
    assert.equal((await readiness(gateway)).detail, "nothing is evicted");
    await setPolicy("allkeys-lfu");
    await waitUntil(async () => (await readiness(gateway)).eviction === "not ready", { what: "the gateway says it" });
    assert.equal(await metricOf(gateway as never, "delivery_directory_may_evict"), 1);
    await setPolicy("noeviction");
  });
});
