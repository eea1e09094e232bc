import assert from "node:assert/strict";
import { describe } from "node:test";
import { defaultRules } from "../../domain/rules.ts";
import { assertNear, scene } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

const { ttlMs, memoryMs } = defaultRules;

/** Registering with connection_id and previous_session_id. */
export const registering = (open: OpenStore) =>
  describe("registering with tokens", () => {
    scene(open, "a repeated connection_id returns the session it has", async (scene) => {
      const first = await scene.register({ connectionId: "c1" });
      const again = await scene.register({ connectionId: "c1" });
      assert(first.kind === "registered" && again.kind === "repeated");
      assert.equal(again.sessionId, first.sessionId);
      assert.equal(again.version, first.version);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(open, "a repeated connection_id counts as a sign of life", async (scene) => {
      await scene.session({ connectionId: "c1" });
      await scene.elapse(ttlMs - 5_000);
      await scene.register({ connectionId: "c1" });
      await scene.elapse(ttlMs - 5_000);
      assert.deepEqual(await scene.devices(), ["phone"]);
    });

    scene(open, "a connection that ended cannot register again", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await scene.unregister({ sessionId });
      assert.deepEqual(await scene.register({ connectionId: "c1" }), { kind: "ended" });
      assert.equal((await scene.user()).online, false);
    });

    scene(open, "a connection that was replaced cannot register again (P7)", async (scene) => {
      await scene.session({ connectionId: "c1" });
      await scene.session({ connectionId: "c2", instanceId: "gateway-2" });
      assert.deepEqual(await scene.register({ connectionId: "c1" }), { kind: "superseded" });
      assert.equal((await scene.user()).devices[0]?.instanceId, "gateway-2");
    });

    scene(open, "a connection that expired may register again, in its old place", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await scene.elapse(ttlMs + 1_000);
      assert.equal(await scene.session({ connectionId: "c1" }), sessionId);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "EXPIRED", "CONNECTED"]);
    });

    scene(open, "a session that comes back keeps its session_id", async (scene) => {
      const previousSessionId = await scene.session({ connectionId: "c1" });
      await scene.elapse(ttlMs + 1_000);
      assert.equal(await scene.refresh({ sessionId: previousSessionId }), "missing");
      assert.equal(await scene.session({ connectionId: "c1", previousSessionId }), previousSessionId);
      assert.equal(await scene.refresh({ sessionId: previousSessionId }), "refreshed");
    });

    scene(open, "a session that comes back yields to a later connection that is there", async (scene) => {
      const previousSessionId = await scene.session({ connectionId: "c1" });
      await scene.elapse(ttlMs + 1_000);
      await scene.session({ connectionId: "c2" });
      assert.deepEqual(await scene.register({ connectionId: "c1", previousSessionId }), { kind: "superseded" });
    });

    scene(open, "a session that comes back yields to a later connection that is gone", async (scene) => {
      const previousSessionId = await scene.session({ connectionId: "c1" });
      await scene.elapse(ttlMs + 1_000);
      await scene.unregister({ sessionId: await scene.session({ connectionId: "c2" }) });
      assert.deepEqual(await scene.register({ connectionId: "c1", previousSessionId }), { kind: "superseded" });
      assert.equal((await scene.user()).online, false);
    });

    scene(open, "a registration that waited has its place by when its client was there (P7)", async (scene) => {
      const living = await scene.session({ connectionId: "c1" });
      const late = { connectionId: "c0", ageMs: 60_000 };
      assert.deepEqual(await scene.register(late), { kind: "superseded" });
      assert.equal(await scene.refresh({ sessionId: living }), "refreshed");
      assert.equal(await scene.unregister({ sessionId: living }), "ended");
      assert.deepEqual(await scene.register(late), { kind: "superseded" });
      assert.deepEqual(await scene.causes(), ["CONNECTED", "DISCONNECTED"]);
      await scene.harness.wait(1_500);
      const since = await scene.session({ connectionId: "c2", ageMs: 1_000 });
      assert.deepEqual(await scene.register({ connectionId: "c3", ageMs: 2_500 }), { kind: "superseded" });
      assert.equal(await scene.refresh({ sessionId: since }), "refreshed");
      await scene.session({ connectionId: "c4" });
      assert.equal(await scene.refresh({ sessionId: since }), "superseded");
    });

    scene(open, "a wall clock that is stepped back takes nobody's place away (P1, P7)", async (scene) => {
      const before = await scene.session({ connectionId: "c1" });
      await scene.harness.stepBack(60_000);
      assert.deepEqual(await scene.register({ connectionId: "c0", ageMs: 70_000 }), { kind: "superseded" });
      assert.equal(await scene.refresh({ sessionId: before }), "refreshed");
      const since = await scene.session({ connectionId: "c3", ageMs: 20_000 });
      assert.deepEqual(await scene.register({ connectionId: "c2", ageMs: 30_000 }), { kind: "superseded" });
      assert.equal(await scene.refresh({ sessionId: since }), "refreshed");
    });

    scene(
      open,
      "a registration that waited and finds nobody is registered, with the time of its client",
      async (scene) => {
        const sessionId = await scene.session({ connectionId: "c1", ageMs: 60_000 });
        const [device] = (await scene.user()).devices;
        assertNear(device?.connectedAtMs ?? 0, (await scene.harness.wallMs()) - 60_000, 1_000, "connected");
        assert.equal((await scene.register({ connectionId: "c1", ageMs: 61_000 })).kind, "repeated");
        assert.equal(await scene.refresh({ sessionId }), "refreshed");
        assert.equal((await scene.register({ connectionId: "c0", ageMs: 120_000 })).kind, "superseded");
      },
    );

    scene(open, "a registration that waited less than a second comes now", async (scene) => {
      await scene.session({ connectionId: "c1" });
      await scene.session({ connectionId: "c2", ageMs: 999 });
      await scene.session({ ageMs: 999 });
    });

    scene(open, "a forged previous_session_id does not hold the device for ever", async (scene) => {
      await scene.session({ connectionId: "c1", previousSessionId: "9007199254740991.c1" });
      await scene.session({ connectionId: "c2", instanceId: "gateway-2" });
      assert.equal((await scene.user()).devices[0]?.instanceId, "gateway-2");
    });

    scene(open, "one previous_session_id on two devices makes two sessions (P1, P2)", async (scene) => {
      await scene.session({ deviceId: "phone", previousSessionId: "5" });
      const laptop = await scene.session({ deviceId: "laptop", previousSessionId: "5" });
      assert.equal(await scene.session({ deviceId: "laptop", previousSessionId: "5" }), laptop);
      await scene.elapse(ttlMs - 1_000);
      assert.equal(await scene.refresh({ deviceId: "laptop", sessionId: laptop }), "refreshed");
      await scene.elapse(2_000);
      assert.deepEqual(await scene.devices(), ["laptop"]);
      await scene.elapse(ttlMs);
      assert.equal((await scene.user()).online, false);
    });

    scene(open, "one connection_id on two devices makes two sessions", async (scene) => {
      const phone = await scene.session({ deviceId: "phone", connectionId: "c1" });
      const laptop = await scene.session({ deviceId: "laptop", connectionId: "c1" });
      await scene.unregister({ deviceId: "phone", sessionId: phone });
      assert.equal(await scene.refresh({ deviceId: "laptop", sessionId: laptop }), "refreshed");
      assert.deepEqual(await scene.devices(), ["laptop"]);
    });

    scene(
      open,
      "devices are limited; one that left makes room when it is forgotten",
      async (scene) => {
        await scene.session({ deviceId: "one" });
        await scene.session({ deviceId: "two" });
        assert.deepEqual(await scene.register({ deviceId: "three" }), { kind: "too-many-devices" });
        assert.equal((await scene.register({ deviceId: "two" })).kind, "registered");
        await scene.unregister({ deviceId: "one" });
        assert.deepEqual(await scene.register({ deviceId: "three" }), { kind: "too-many-devices" });
        for (let passedMs = 0; passedMs <= memoryMs; passedMs += 30_000) {
          await scene.elapse(30_000);
          assert.equal(await scene.refresh({ deviceId: "two" }), "refreshed");
        }
        assert.equal((await scene.register({ deviceId: "three" })).kind, "registered");
        assert.deepEqual(await scene.devices(), ["three", "two"]);
      },
      { rules: { ...defaultRules, userMaxDevices: 2 } },
    );
  });
