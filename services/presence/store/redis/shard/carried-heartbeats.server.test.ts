import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { settleStore, startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import { defaultRules } from "../../../domain/rules.ts";
import type { SessionRef } from "../../../domain/session.ts";
import { shardOf } from "../../../domain/shard.ts";
import { tickCapMs } from "../../../domain/shard-clock.ts";
import { seededRandom } from "../../../testing/interleavings/random.ts";
import { type LossyProxy, openLossyProxy } from "../../../testing/lossy-proxy.ts";
import { sessionMember, shardKeys } from "../keys.ts";
import type { RedisStore } from "../redis-store.ts";
import { refresh, register, storeOn, untilNotReady, untilReady } from "../testing/open-store.ts";

const { ttlMs } = defaultRules;
const stepMs = tickCapMs(ttlMs);
const shardCount = 2;
const keys = shardKeys(shardCount);
const random = seededRandom(1);

/** Two nodes on one Redis; the link of one of them breaks. Only the test ticks. */
describe("a heartbeat that Redis did not confirm", () => {
  let server: TestRedis;
  let link: LossyProxy;
  let redis: ReturnType<typeof makeClient>;
  let shaky: RedisStore;
  let stable: RedisStore;

  beforeEach(async () => {
    server = await startRedis();
    await settleStore(server.url, 2);
    link = await openLossyProxy(server);
    redis = makeClient(server.url);
    stable = storeOn(server);
    shaky = storeOn(link);
    await Promise.all([redis.connect(), stable.open(), shaky.open()]);
  });
  afterEach(async () => {
    await Promise.all([stable.close(), shaky.close()]);
    redis.destroy();
    await link.close();
    await server.stop();
  });

  for (const connectionId of ["socket", ""]) {
    const whose = connectionId === "" ? "without session_id" : "with session_id";
    test(`${whose}, because the link was down, is carried by the next tick: nobody goes offline (P1)`, async () => {
      const anna = await registered(shaky, connectionId);
      await elapse(ttlMs - stepMs / 2);
      const sentMs = (await shaky.tick(shardOfAnna, 0)).clockMs;
      await whileLinkIsDown(async () => {
        await isUnavailable(refresh(shaky, anna));
        // The tick that brings it, the first on the next connection, also makes the deadline due that it had.
        await age(stepMs);
      });
      await shaky.tick(shardOfAnna, 100);
      await elapse(ttlMs - 2 * stepMs);
      assert.equal(await isOnline(), true);
      const givenMs = (await deadlineOf(anna)) - sentMs;
      assert(givenMs >= ttlMs && givenMs < ttlMs + stepMs, `its deadline is ${givenMs} ms after it came`);
      await elapse(3 * stepMs);
      assert.equal(await isOnline(), false, "P2");
    });
  }

  test("counts as of when it came, however late its tick is (P2)", async () => {
    const anna = await registered(shaky, "socket");
    const sentMs = (await shaky.tick(shardOfAnna, 0)).clockMs;
    await whileLinkIsDown(async () => {
      await isUnavailable(refresh(shaky, anna));
      await elapse(10 * stepMs);
    });
    await shaky.tick(shardOfAnna, 100);
    const givenMs = (await deadlineOf(anna)) - sentMs;
    assert(givenMs < ttlMs + 2 * stepMs, `its deadline is ${givenMs} ms after it came`);
  });

  test("counts as of its tick at the latest, if the shard's clock stood still meanwhile (P2)", async () => {
    const anna = await registered(shaky, "socket");
    await elapse(5 * stepMs);
    // What this node remembers of the clock is far ahead of it.
    await redis.sendCommand(["HINCRBY", keyOfAnna.meta, "clock", String(50 * stepMs)]);
    await shaky.tick(shardOfAnna, 0);
    await redis.sendCommand(["HINCRBY", keyOfAnna.meta, "clock", String(-50 * stepMs)]);
    await whileLinkIsDown(() => isUnavailable(refresh(shaky, anna)));
    const { clockMs } = await shaky.tick(shardOfAnna, 100);
    assert((await deadlineOf(anna)) <= clockMs + ttlMs);
  });

  test("shortens no deadline, and makes none (P1, P2)", async () => {
    const anna = await registered(shaky, "socket");
    await shaky.tick(shardOfAnna, 0);
    await whileLinkIsDown(async () => {
      await isUnavailable(refresh(shaky, anna));
      await elapse(5 * stepMs);
      assert.equal((await refresh(stable, anna)).kind, "refreshed");
    });
    const before = await deadlineOf(anna);
    await shaky.tick(shardOfAnna, 100);
    assert.equal(await deadlineOf(anna), before);
    await whileLinkIsDown(async () => {
      await isUnavailable(refresh(shaky, anna));
      await stable.unregister({ ...anna, reason: "LOGGED_OUT" });
    });
    await shaky.tick(shardOfAnna, 100);
    await untilNoneIsKept();
    assert.deepEqual(await redis.sendCommand(["ZCARD", keyOfAnna.deadlines]), 0);
    assert.equal(await isOnline(), false);
  });

  test("of which the record must decide lets no time pass by its own node until it has, as soon as the link works", async () => {
    // The other node registered it: this one does not know its session_id.
    const anna = await registered(stable, "");
    await elapse(ttlMs - stepMs / 2);
    await shaky.tick(shardOfAnna, 0);
    const [clockBefore] = await clock();
    await whileLinkIsDown(async () => {
      await isUnavailable(refresh(shaky, anna));
      // By now its deadline has passed, if the first tick on the next connection says so.
      await age(stepMs);
    });
    assert.equal((await clock())[0], clockBefore);
    // Nobody ticks for that: the next connection may not last so long.
    await untilNoneIsKept();
    assert.equal((await clock())[0], clockBefore);
    await elapse(ttlMs - stepMs);
    assert.equal(await isOnline(), true);
    assert.notEqual((await clock())[0], clockBefore, "other nodes' ticks, and its later ones, advance");
  });

  test("whose deadline is gone when its tick comes stops that tick, and is decided by the record", async () => {
    const ben = await registered(shaky, "socket", "ben");
    const anna = await registered(shaky, "");
    await shaky.tick(shardOfAnna, 0);
    const [clockBefore] = await clock();
    await whileLinkIsDown(async () => {
      await isUnavailable(refresh(shaky, anna));
      await stable.register({ ...registration, connectionId: "newer" });
      await age(stepMs);
    });
    assert.equal((await clock())[0], clockBefore, "it may still be anybody's last sign of life");
    await untilNoneIsKept();
    await shaky.tick(shardOfAnna, 100);
    assert.notEqual((await clock())[0], clockBefore);
    assert.equal((await refresh(shaky, ben)).kind, "refreshed");
  });

  test("is kept once a session, and as many as there is room for; the rest is counted", async () => {
    await shaky.close();
    shaky = storeOn(link, { maxKeptHeartbeats: 2 });
    await shaky.open();
    await whileLinkIsDown(async () => {
      for (const name of ["a", "b", "c", "a"]) await isUnavailable(refresh(shaky, { userId: name, sessionId: "1" }));
      const { bounds, heartbeats } = shaky.metrics();
      assert.deepEqual(bounds.keptHeartbeats, { used: 2, limit: 2 });
      assert.equal(heartbeats.lost, 1);
    });
  });

  const shardOfAnna = shardOf("anna", shardCount);
  const keyOfAnna = keys[shardOfAnna] as (typeof keys)[number];
  const registration = {
    ...{ userId: "anna", deviceId: "phone", instanceId: "gateway-1" },
    ...{ connectionId: "", previousSessionId: "" },
  };

  async function registered(store: RedisStore, connectionId: string, userId = "anna"): Promise<SessionRef> {
    const result = await register(store, { userId, connectionId });
    assert(result.kind === "registered");
    return { userId, deviceId: "phone", sessionId: connectionId === "" ? "" : result.sessionId };
  }

  async function isUnavailable(answer: ReturnType<typeof refresh>): Promise<void> {
    const result = await answer;
    assert(result.kind === "failed", result.kind);
    assert.equal((result.error as { code?: unknown }).code, "UNAVAILABLE");
  }

  async function whileLinkIsDown(play: () => Promise<unknown>): Promise<void> {
    link.flap(1, random);
    await link.cut();
    await untilNotReady(shaky);
    await play();
    link.flap(0, random);
    await untilReady(shaky);
  }

  async function untilNoneIsKept(): Promise<void> {
    await waitUntil(() => shaky.metrics().bounds.keptHeartbeats?.used === 0, { what: "no heartbeat is kept" });
  }

  async function isOnline(): Promise<boolean | undefined> {
    return (await stable.users(["anna"]))[0]?.online;
  }

  /** The only member in anna's shard. */
  async function deadlineOf({ userId }: SessionRef): Promise<number> {
    const [member, score] = (await redis.sendCommand([
      ...["ZRANGE", keyOfAnna.deadlines, "0", "-1", "WITHSCORES"],
    ])) as unknown as string[];
    assert(member?.startsWith(sessionMember(userId, "")), `${member} is a deadline of ${userId}`);
    return Number(score);
  }

  /** The shard's clock, as it stands in Redis, and when it was ticked last. */
  async function clock(): Promise<string[]> {
    return (await redis.sendCommand(["HMGET", keyOfAnna.meta, "clock", "ticked"])) as unknown as string[];
  }

  /** Makes the last tick look as if it had been that long ago. */
  async function age(ms: number): Promise<void> {
    await redis.sendCommand(["HINCRBY", keyOfAnna.meta, "ticked", String(-ms)]);
  }

  /** Passes time that only the stable node counts. */
  async function elapse(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
      await age(Math.min(leftMs, stepMs));
      await stable.tick(shardOfAnna, 100);
    }
  }
});

function makeClient(url: string) {
  return createClient({ url, RESP: 2 });
}
