import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { defaultRules } from "../../domain/rules.ts";
import { contractOptions } from "../contract/store-harness.ts";
import { storeContract } from "../store.contract.ts";
import { createMemoryStore, type MemoryStoreOptions } from "./memory-store.ts";
import { openMemoryHarness } from "./testing/memory-harness.ts";

const { memoryMs } = defaultRules;

describe("memory store", () => storeContract(openMemoryHarness));

async function openStore(options: Partial<MemoryStoreOptions> = {}) {
  const clock = new FakeClock();
  const store = createMemoryStore({ ...contractOptions, maxSessions: 100, ...options }, clock);
  await store.open();
  const register = (userId: string, connectionId = "") =>
    store.register({ userId, deviceId: "phone", instanceId: "gateway-1", connectionId, previousSessionId: "" });
  const unregister = (userId: string) =>
    store.unregister({ userId, deviceId: "phone", sessionId: "", reason: "UNSPECIFIED" });
  const rows = () => store.metrics().bounds.sessions;
  return { clock, store, register, unregister, rows };
}

describe("bounds of the memory store", () => {
  test("a full store refuses new sessions, and serves those it has (P1)", async () => {
    const { store, register, rows } = await openStore({ maxSessions: 2 });
    await register("anna");
    await register("ben", "c1");
    await assert.rejects(register("cleo"), { name: "PresenceError", code: "RESOURCE_EXHAUSTED" });
    assert.equal((await register("ben", "c1")).kind, "repeated");
    assert.deepEqual(rows(), { used: 2, limit: 2 });
    const online = (await store.users(["anna", "ben", "cleo"])).map((view) => view.online);
    assert.deepEqual(online, [true, true, false]);
    assert.equal(await store.lastVersion(0), (await store.users(["ben"]))[0]?.version);
  });

  test("before it refuses it forgets who left longest ago, but nobody whom a late call can concern (P7)", async () => {
    const { clock, store, register, unregister } = await openStore({ maxSessions: 2 });
    for (const userId of ["anna", "ben"]) {
      await register(userId);
      await unregister(userId);
    }
    await assert.rejects(register("cleo"), { code: "RESOURCE_EXHAUSTED" });
    clock.freeze(memoryMs + 1);
    assert.equal((await register("cleo")).kind, "registered");
    const [anna, ben] = await store.users(["anna", "ben"]);
    assert.deepEqual([anna?.lastSeenMs, (ben?.lastSeenMs ?? 0) > 0], [0, true]);
  });

  test("records that outlived the retention are dropped, some with every tick", async () => {
    const { clock, store, register, unregister, rows } = await openStore();
    for (let user = 0; user < 25; user++) {
      await register(`user-${user}`);
      if (user > 0) await unregister(`user-${user}`);
    }
    clock.freeze(contractOptions.retentionMs + 1);
    await store.tick(0, 10);
    assert.equal(rows()?.used, 15);
    for (let tick = 0; tick < 5; tick++) await store.tick(0, 10);
    assert.equal(rows()?.used, 1, "who is online stays");
  });

  test("rows are used again: coming and going takes no more room", async () => {
    const { register, unregister, rows } = await openStore();
    for (let round = 0; round < 500; round++) {
      await register("anna", `c${round}`);
      await unregister("anna");
    }
    assert(Number(rows()?.used) <= 1 + defaultRules.deviceMaxTombstones);
  });

  test("what all publishers sent is trimmed after a minute, but for the cursor's own entry (P4)", async () => {
    const { clock, store, register } = await openStore();
    const versions: number[] = [];
    for (const userId of ["anna", "ben", "cleo", "dora"]) {
      const result = await register(userId);
      assert(result.kind === "registered");
      versions.push(result.version);
      clock.freeze(1);
    }
    const [first, second, third] = versions as [number, number, number];
    clock.freeze(61_000);
    const lease = await store.claim(0, "node-a", 10_000);
    assert.equal(await store.advance(0, lease?.fence ?? 0, { kafka: third, "redis-pubsub": second }), true);
    const { entries, gap } = await store.readLog(0, first, 10);
    assert.deepEqual([entries.map(({ version }) => version), gap], [versions.slice(1), false]);
    assert.equal((await store.readLog(0, 0, 10)).gap, true);
  });
});
