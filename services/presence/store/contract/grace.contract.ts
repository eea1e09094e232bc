import assert from "node:assert/strict";
import { describe } from "node:test";
import { defaultRules } from "../../domain/rules.ts";
import { assertNear, scene } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

const { ttlMs, graceMs } = defaultRules;

/** A lost connection: a page reload must not flicker. */
export const grace = (open: OpenStore) =>
  describe("grace", () => {
    for (const reason of ["CONNECTION_LOST", "SERVER_DRAIN"] as const) {
      scene(open, `after ${reason} the user stays online and the device is not listed`, async (scene) => {
        const sessionId = await scene.session({ connectionId: "c1" });
        assert.equal(await scene.unregister({ sessionId, reason }), "grace");
        await scene.elapse(graceMs - 2_000);
        const view = await scene.user();
        assert.equal(view.online, true);
        assert.deepEqual(view.devices, []);
        assert.deepEqual(await scene.causes(), ["CONNECTED"]);
      });
    }

    scene(open, "a new Register takes over silently", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await scene.unregister({ sessionId, reason: "CONNECTION_LOST" });
      const successor = await scene.session({ connectionId: "c2" });
      await scene.elapse(graceMs + 2_000);
      assert.equal(await scene.refresh({ sessionId: successor }), "refreshed");
      assert.deepEqual(await scene.devices(), ["phone"]);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(
      open,
      "when grace runs out the user leaves with CONNECTION_LOST, last seen when it was lost",
      async (scene) => {
        const sessionId = await scene.session({ connectionId: "c1", instanceId: "gateway-2" });
        const lostAtMs = await scene.harness.wallMs();
        await scene.unregister({ sessionId, reason: "CONNECTION_LOST" });
        await scene.elapse(graceMs + 1_000);
        const { online, version, lastSeenMs } = await scene.user();
        assert.equal(online, false);
        assertNear(lastSeenMs, lostAtMs, 1_000, "last seen");
        const { cause, deviceId, instanceId, ...left } = (await scene.transitions())[1] ?? assert.fail("no transition");
        assert.deepEqual([cause, deviceId, instanceId], ["CONNECTION_LOST", "phone", "gateway-2"]);
        assert.deepEqual([left.version, left.lastSeenMs], [version, lastSeenMs]);
      },
    );

    scene(open, "grace never outlives the session's own deadline (P2)", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await scene.elapse(ttlMs - 2_000);
      await scene.unregister({ sessionId, reason: "CONNECTION_LOST" });
      await scene.elapse(3_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "CONNECTION_LOST"]);
    });

    scene(open, "a late heartbeat misses, with session_id and without", async (scene) => {
      const sessionId = await scene.session();
      await scene.unregister({ reason: "CONNECTION_LOST" });
      assert.equal(await scene.refresh({ sessionId }), "missing");
      assert.equal(await scene.refresh(), "missing");
      await scene.elapse(graceMs + 1_000);
      assert.equal(await scene.refresh(), "missing");
      assert.deepEqual(await scene.causes(), ["CONNECTED", "CONNECTION_LOST"]);
    });

    scene(open, "losing the connection once more does not prolong the grace", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await scene.unregister({ sessionId, reason: "CONNECTION_LOST" });
      await scene.elapse(graceMs - 2_000);
      assert.equal(await scene.unregister({ sessionId, reason: "CONNECTION_LOST" }), "absent");
      await scene.elapse(3_000);
      assert.equal((await scene.user()).online, false);
    });

    scene(open, "logging out ends the grace at once", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await scene.unregister({ sessionId, reason: "SERVER_DRAIN" });
      assert.equal(await scene.unregister({ sessionId, reason: "LOGGED_OUT" }), "ended");
      assert.deepEqual(await scene.causes(), ["CONNECTED", "LOGGED_OUT"]);
      await scene.elapse(graceMs + 1_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "LOGGED_OUT"]);
    });

    scene(open, "the connection that was lost cannot register again; its client's next one can", async (scene) => {
      const previousSessionId = await scene.session({ connectionId: "c1" });
      await scene.unregister({ sessionId: previousSessionId, reason: "CONNECTION_LOST" });
      assert.deepEqual(await scene.register({ connectionId: "c1" }), { kind: "ended" });
      assert.equal((await scene.register({ connectionId: "c2", previousSessionId })).kind, "registered");
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(open, "a device whose grace runs out takes nobody offline who has another (P1)", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await scene.session({ deviceId: "laptop" });
      await scene.unregister({ sessionId, reason: "CONNECTION_LOST" });
      assert.deepEqual(await scene.devices(), ["laptop"]);
      await scene.elapse(graceMs + 1_000);
      assert.deepEqual(await scene.devices(), ["laptop"]);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(open, "another device that leaves during the grace takes nobody offline yet (P1)", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await scene.session({ deviceId: "laptop" });
      await scene.unregister({ sessionId, reason: "CONNECTION_LOST" });
      assert.equal(await scene.unregister({ deviceId: "laptop" }), "ended");
      assert.equal((await scene.user()).online, true);
      await scene.elapse(graceMs + 1_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "CONNECTION_LOST"]);
    });

    scene(
      open,
      "without grace a lost connection ends at once",
      async (scene) => {
        const sessionId = await scene.session({ connectionId: "c1" });
        assert.equal(await scene.unregister({ sessionId, reason: "CONNECTION_LOST" }), "ended");
        assert.deepEqual(await scene.causes(), ["CONNECTED", "CONNECTION_LOST"]);
      },
      { rules: { ...defaultRules, graceMs: 0 } },
    );
  });
