import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startPresence, startRedis, type TestPresence, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient, type RedisClientType } from "@redis/client";
import { shardOf } from "../domain/shard.ts";
import { type ShardKeys, shardKeys, storeKeys } from "../store/redis/keys.ts";
import { metricOf } from "../testing/fleet.ts";
import { CallFailure, connectPresence, type PresenceClient } from "../testing/presence-client.ts";

const { store: storeKey, nodes: nodesKey } = storeKeys();

const shards = 4;
const keys = shardKeys(shards);
const keysOf = (shard: number) => keys[shard] as ShardKeys;
const brokenShard = 3;
const serving = 1;
const notServing = 2;

interface Readiness {
  readonly status: number;
  readonly checks: Readonly<Record<string, { readonly status: string; readonly detail: string }>>;
}

describe("a node is ready while a register, a refresh and a read would work", () => {
  let redis: TestRedis;
  let node: TestPresence;
  let operator: RedisClientType;
  let client: PresenceClient;
  let registrations = 0;
  const admin = (...command: string[]) => operator.sendCommand(command);

  before(async () => {
    redis = await startRedis();
    operator = createClient({ url: redis.url });
    await operator.connect();
    node = await startPresence({ env: { REDIS_URL: redis.url, SHARDS: String(shards), EVENTS: "redis-pubsub" } });
    client = connectPresence(node.grpcAddress);
  });
  after(async () => {
    client.close();
    operator.destroy();
    await node.stop();
    await redis.stop();
  });

  async function readiness(): Promise<Readiness> {
    const response = await fetch(`http://${node.httpAddress}/health/ready`);
    const { checks } = (await response.json()) as Pick<Readiness, "checks">;
    return { status: response.status, checks };
  }
  const storeDetail = async () => (await readiness()).checks.store?.detail ?? "";
  const untilReady = () => waitUntil(async () => (await readiness()).status === 200, { what: "the node is ready" });
  const healthOf = async () => (await client.health.check({ service: "" })).status;

  /** A user of that shard who was never here. */
  function someoneOf(shard: number): string {
    for (;;) {
      const userId = `user-${registrations++}`;
      if (shardOf(userId, shards) === shard) return userId;
    }
  }
  async function assertServes(shard: number): Promise<void> {
    const session = { userId: someoneOf(shard), deviceId: "phone" };
    const { sessionId } = await client.api.registerSession({ ...session, instanceId: "gateway-1" });
    await client.api.refreshSession({ ...session, sessionId });
    const { presences } = await client.api.getPresence({ userIds: [session.userId] });
    assert.equal(presences[0]?.online, true);
  }

  async function assertNotReady(wanted: RegExp, breaking: () => Promise<unknown>, mending: () => Promise<unknown>) {
    await untilReady();
    await waitUntil(async () => (await healthOf()) === serving, { what: "gateways are told that it is ready" });
    const isToldReady = () => node.logs().lastIndexOf("store is ready") > node.logs().lastIndexOf("store is not ready");
    await waitUntil(isToldReady, { what: "the log says that it is ready" });
    const linesBefore = node.logs().split("store is not ready").length;
    try {
      await breaking();
      const isSeen = async () => (await readiness()).status === 503 && wanted.test(await storeDetail());
      const says = async () => `the node says what is wrong: ${await storeDetail()}`;
      await waitUntil(isSeen, { what: String(wanted) }).catch(async () => assert.fail(await says()));
      assert.equal(await metricOf(node, "presence_store_ready"), 0);
      const isLogged = () => node.logs().split("store is not ready").length === linesBefore + 1;
      await waitUntil(isLogged, { what: "one line of the log tells it" }).catch(() => assert.fail(node.logs()));
    } finally {
      await mending();
    }
    await untilReady();
    assert.equal(await metricOf(node, "presence_store_ready"), 1);
    for (let shard = 0; shard < shards; shard++) await assertServes(shard);
  }

  test("not when its Redis became a replica while the connection stayed open", async () => {
    await assertNotReady(
      /replica: point REDIS_URL at (the|its) master, or wait for Sentinel to promote it/,
      async () => {
        await admin("REPLICAOF", "127.0.0.1", "1");
        await waitUntil(async () => (await healthOf()) === notServing, { what: "gateways are told, too" });
        assert.equal(await metricOf(node, 'presence_store_connections_lost_total{reason="READONLY"}'), 2);
      },
      () => admin("REPLICAOF", "NO", "ONE"),
    );
    await waitUntil(async () => (await healthOf()) === serving, { what: "gateways are told, too" });
  });

  test("not when its Redis wants more replicas than it has", async () => {
    await assertNotReady(
      /too few replicas/,
      () => admin("CONFIG", "SET", "min-replicas-to-write", "1"),
      () => admin("CONFIG", "SET", "min-replicas-to-write", "0"),
    );
  });

  test("not when its user may not do something any more", async () => {
    for (const right of ["@write", "mget", "xadd"]) {
      await assertNotReady(
        /does not permit/,
        async () => {
          await admin("ACL", "SETUSER", "default", `-${right}`);
          await assert.rejects(assertServes(0));
        },
        () => admin("ACL", "SETUSER", "default", `+${right}`),
      );
    }
  });

  const { meta, deadlines, log, publisher } = keysOf(brokenShard);
  const foreign: Readonly<Record<string, readonly string[]>> = {
    "deadlines are a string": ["SET", deadlines, "x"],
    "deadlines are a list": ["RPUSH", deadlines, "x"],
    "log is a hash": ["HSET", log, "f", "v"],
    "log ends beyond all versions": ["XADD", log, "18446744073709551615-18446744073709551615", "e", "x"],
    "meta is a set": ["SADD", meta, "x"],
    "meta has a clock that is no number": ["HSET", meta, "clock", "noon"],
    "meta has a clock and does not say of when": ["HDEL", meta, "ticked"],
    "meta has a fencing number that is none": ["HSET", meta, "fence", "x"],
    "publisher is a list": ["RPUSH", publisher, "x"],
  };
  for (const [what, [command = "", key = "", ...values]] of Object.entries(foreign)) {
    test(`not when a shard's ${what}; the other shards go on`, async () => {
      const named = new RegExp(`shard ${brokenShard}: .*${key.replace(/[{}]/g, "\\$&")}`);
      await assertNotReady(
        named,
        async () => {
          // At once: a tick in between would write the key again.
          const replacing = operator.multi();
          if (key !== meta || command === "SADD") replacing.del(key);
          await replacing.addCommand([command, key, ...values]).exec();
          for (let shard = 0; shard < brokenShard; shard++) await assertServes(shard);
          assert.equal(await healthOf(), serving, "a call to another shard is served here as well as anywhere");
        },
        () => admin("DEL", key),
      );
    });
  }

  test("not when the list of its nodes is of another type; shards are published all the same", async () => {
    await assertNotReady(
      /presence:\{meta\}:nodes/,
      async () => {
        await admin("SET", nodesKey, "x");
        await admin("DEL", publisher);
        await waitUntil(async () => (await operator.exists(publisher)) === 1, { what: "the shard is claimed" });
      },
      () => admin("DEL", nodesKey),
    );
  });

  test("it stays ready without memory for new sessions, and says so: heartbeats, reads and ends work", async () => {
    await untilReady();
    const session = { userId: someoneOf(0), deviceId: "phone" };
    const { sessionId } = await client.api.registerSession({ ...session, instanceId: "gateway-1" });
    await admin("CONFIG", "SET", "maxmemory", "1mb");
    try {
      const isTold = async () => (await readiness()).checks.registrations?.status === "not ready";
      await waitUntil(isTold, { what: "the node says that it takes no new sessions" });
      const { status, checks } = await readiness();
      assert.equal(status, 200);
      assert.match(checks.registrations?.detail ?? "", /out of memory: .*maxmemory/);
      assert.equal(await metricOf(node, "presence_store_full"), 1);
      await waitUntil(() => /registrations is not ready/.test(node.logs()), { what: "the log tells it" });
      await client.api.refreshSession({ ...session, sessionId });
      await assert.rejects(
        client.api.registerSession({ userId: someoneOf(0), deviceId: "phone", instanceId: "gateway-1" }),
        (error) => error instanceof CallFailure && error.code === "UNAVAILABLE" && /out of memory/.test(error.message),
      );
    } finally {
      await admin("CONFIG", "SET", "maxmemory", "0");
    }
    const isOver = async () => (await metricOf(node, "presence_store_full")) === 0;
    await waitUntil(isOver, { what: "the node takes new sessions again" });
    await assertServes(0);
  });
});

describe("a store has one number of shards (P3)", () => {
  const start = (redis: TestRedis, count: number, until: "ready" | "live" = "ready") =>
    startPresence({ env: { REDIS_URL: redis.url, SHARDS: String(count), EVENTS: "redis-pubsub" }, until });
  const detailOf = async ({ httpAddress }: TestPresence) => {
    const { checks } = (await (await fetch(`http://${httpAddress}/health/ready`)).json()) as Pick<Readiness, "checks">;
    return checks.store?.detail ?? "";
  };

  for (const other of [2, 8]) {
    test(`also after its mark was lost: a node of ${other} is refused, and the others go on`, async (t) => {
      const redis = await startRedis();
      const node = await start(redis, shards);
      const operator = createClient({ url: redis.url });
      await operator.connect();
      t.after(async () => {
        operator.destroy();
        await node.stop();
        await redis.stop();
      });
      await operator.flushAll();
      const isMarked = async () => (await operator.hGet(keysOf(shards - 1).meta, "shards")) === String(shards);
      await waitUntil(isMarked, { what: "ticks have marked the shards" });
      await operator.del(storeKey);
      await assert.rejects(
        start(redis, other, "live"),
        new RegExp(`in ${shards} shards, SHARDS is ${other}: set SHARDS=`),
      );
      await node.untilHealth("ready");
    });
  }

  test("also where a shard says only half of it: who would join is refused", async (t) => {
    const redis = await startRedis();
    const operator = createClient({ url: redis.url });
    await operator.connect();
    t.after(async () => {
      operator.destroy();
      await redis.stop();
    });
    await operator.hSet(keysOf(1).meta, "shards", "8");
    const joining = start(redis, shards, "live").then((node) => node.kill());
    await assert.rejects(joining, /in 8 shards, SHARDS is 4: set SHARDS=8/);
    assert.equal(await operator.exists(storeKey), 0, "it left no mark of its own");
  });

  test("also when another number came first: a running node notices, serves no calls, and says what to do", async (t) => {
    const redis = await startRedis();
    const node = await start(redis, shards);
    const operator = createClient({ url: redis.url });
    await operator.connect();
    const client = connectPresence(node.grpcAddress);
    t.after(async () => {
      client.close();
      operator.destroy();
      await node.stop();
      await redis.stop();
    });
    await operator.hSet(keysOf(1).meta, "shards", "8");
    await waitUntil(async () => /set SHARDS=8/.test(await detailOf(node)), { what: "the node says what differs" });
    await assert.rejects(
      client.api.registerSession({ userId: "anna", deviceId: "phone", instanceId: "gateway-1" }),
      (error) => error instanceof CallFailure && error.code === "UNAVAILABLE" && /set SHARDS=8/.test(error.message),
    );
    await operator.hSet(keysOf(1).meta, "shards", String(shards));
    await node.untilHealth("ready");
    // A store that was written before shards were marked.
    for (const { meta } of keys) await operator.hDel(meta, ["schema", "shards"]);
    const isMarked = async () => (await operator.hGet(keysOf(1).meta, "shards")) === String(shards);
    await waitUntil(isMarked, { what: "ticks have marked the shards" });
    assert.equal(await detailOf(node).then((detail) => /^Redis/.test(detail) || /^Valkey/.test(detail)), true);
  });
});
