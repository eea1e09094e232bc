import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startRedis, type TestRedis } from "@realchat/presence-testing";
import { contractOptions, storeContract } from "../store.contract.ts";
import { openRedisHarness } from "./testing/redis-harness.ts";

let redis: TestRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

describe("Redis store", () => {
  storeContract((options) => openRedisHarness(redis.url, options));

  // Deadlines name user and session_id, so these two share one.
  test("two devices that were given one session_id leave no ghost, whichever ends first (P2)", async () => {
    const { store, elapse, close } = await openRedisHarness(redis.url, contractOptions);
    for (const deviceId of ["phone", "laptop"]) {
      await store.register({ userId: "anna", deviceId, instanceId: "g", connectionId: "", previousSessionId: "5" });
    }
    await store.unregister({ userId: "anna", deviceId: "phone", sessionId: "5", reason: "UNSPECIFIED" });
    assert.equal((await store.users(["anna"]))[0]?.online, true);
    await elapse(contractOptions.rules.ttlMs + 1_000);
    assert.equal((await store.users(["anna"]))[0]?.online, false);
    await close();
  });
});
