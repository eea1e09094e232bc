import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  redisCommand,
  startDelivery,
  startPresence,
  startRedis,
  type TestPresence,
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

const live = /users who are online go offline without an event/;

describe("a Redis that may evict", () => {
  let redis: TestRedis;
  let node: TestPresence;
  const setPolicy = (policy: string) =>
    redisCommand({ host: redis.host, port: redis.port }, "CONFIG", "SET", "maxmemory-policy", policy);
  const presence = (env = {}) =>
    startPresence({ env: { REDIS_URL: redis.url, EVENTS: "memory", SHARDS: "2", ...env } });
  before(async () => {
    redis = await startRedis();
    node = await presence();
  });
  after(async () => {
    await node.stop();
    await redis.stop();
  });
  beforeEach(() => setPolicy("noeviction"));

  test("is refused at start, and with its policy allowed by name it is told (P4)", async (t) => {
    await setPolicy("allkeys-lru");
    const [refused, allowing] = await Promise.allSettled([
      presence(),
      presence({ REDIS_ALLOW_EVICTION: "allkeys-lru" }),
    ]);
    assert(refused.status === "rejected" && allowing.status === "fulfilled");
    t.after(() => allowing.value.stop());
    assert.match(refused.reason.message, live);
    assert.match(refused.reason.message, /set it to noeviction, or accept that with REDIS_ALLOW_EVICTION=allkeys-lru/);
    await waitUntil(() => live.test(allowing.value.logs()), { what: "the log tells it" });
    const { status, eviction, detail } = await readiness(allowing.value);
    assert.deepEqual([status, eviction], [200, "ready"]);
    assert.match(detail, live);
    assert.equal(await metricOf(allowing.value, "presence_store_may_evict"), 1);
  });

  test("is told of when it is switched later, by a node that works on, also on a new connection (P4)", async () => {
    const isTold = async () => (await readiness(node)).eviction === "not ready";
    await waitUntil(async () => !(await isTold()), { what: "the node says that all is well" });
    assert.equal((await readiness(node)).detail, "nothing is evicted");
    await setPolicy("allkeys-lru");
    await waitUntil(isTold, { what: "the node says that Redis evicts" });
    assert.equal(await metricOf(node, "presence_store_may_evict"), 1);
    assert.equal((await readiness(node)).status, 200, "what works is used");
    await waitUntil(() => /eviction is not ready/.test(node.logs()), { what: "the log tells it" });
    await redisCommand({ host: redis.host, port: redis.port }, "CLIENT", "KILL", "TYPE", "normal");
    await node.untilHealth("ready");
    assert.equal(await isTold(), true);
    await setPolicy("noeviction");
    await waitUntil(async () => !(await isTold()), { what: "the node says that all is well" });
    assert.equal(await metricOf(node, "presence_store_may_evict"), 0);
  });

  test("is no place for who may see whom, unless it evicts only what expires", async (t) => {
    const delivery = (env = {}) =>
      startDelivery({ env: { PRESENCE_SVC_ADDR: node.grpcAddress, REDIS_URL: redis.url, ...env } });
    await setPolicy("volatile-lru");
    const gateway = await delivery();
    t.after(() => gateway.stop());
    assert.equal((await readiness(gateway)).detail, "nothing is evicted");
    await setPolicy("allkeys-lfu");
    await assert.rejects(delivery(), /relations are forgotten.* REDIS_ALLOW_EVICTION=allkeys-lfu/);
    await waitUntil(async () => (await readiness(gateway)).eviction === "not ready", { what: "the gateway says it" });
    assert.equal(await metricOf(gateway, "delivery_directory_may_evict"), 1);
  });
});
