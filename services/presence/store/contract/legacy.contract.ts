import assert from "node:assert/strict";
import { describe } from "node:test";
import { defaultRules } from "../../domain/rules.ts";
import { unknownInstance } from "../../domain/session.ts";
import { scene } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

const { ttlMs, memoryMs } = defaultRules;

/** Callers that know neither connection_id nor session_id, and race. */
export const legacy = (open: OpenStore) =>
  describe("legacy callers", () => {
    scene(open, "a plain Register, then Unregister, ends at once", async (scene) => {
      await scene.session();
      assert.equal(await scene.unregister(), "ended");
      assert.deepEqual(await scene.causes(), ["CONNECTED", "DISCONNECTED"]);
    });

    scene(open, "Register on A, Register on B, A's late Unregister leaves the user online (P1)", async (scene) => {
      await scene.session({ instanceId: "gateway-a" });
      await scene.session({ instanceId: "gateway-b" });
      assert.equal(await scene.unregister(), "contested");
      assert.equal(await scene.unregister(), "contested");
      assert.equal((await scene.user()).devices[0]?.instanceId, "gateway-b");
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(open, "a late Unregister leaves a session alone that follows an ended one (P1)", async (scene) => {
      await scene.session();
      await scene.unregister();
      await scene.session();
      assert.equal(await scene.unregister(), "contested");
      assert.equal((await scene.user()).online, true);
    });

    scene(open, "fifty quick reconnects leave the user online, and offline at the deadline (P1, P2)", async (scene) => {
      await scene.session();
      for (let reconnect = 0; reconnect < 50; reconnect++) {
        await scene.session();
        await scene.unregister();
      }
      assert.deepEqual(await scene.devices(), ["phone"]);
      await scene.elapse(ttlMs - 5_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
      await scene.elapse(6_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "EXPIRED"]);
    });

    scene(open, "a session is contested for two minutes only", async (scene) => {
      await scene.session();
      await scene.session();
      for (let passedMs = 0; passedMs < memoryMs; passedMs += 30_000) {
        assert.equal(await scene.unregister(), "contested");
        assert.equal(await scene.refresh(), "refreshed");
        await scene.elapse(30_000);
      }
      await scene.elapse(1_000);
      assert.equal(await scene.unregister(), "ended");
      assert.equal((await scene.user()).online, false);
    });

    scene(open, "a session registered two minutes after the last one ended is not contested", async (scene) => {
      await scene.session();
      await scene.unregister();
      await scene.elapse(memoryMs + 1_000);
      await scene.session();
      assert.equal(await scene.unregister(), "ended");
    });

    scene(open, "another device's session does not contest", async (scene) => {
      await scene.session({ deviceId: "laptop" });
      await scene.session();
      assert.equal(await scene.unregister(), "ended");
    });

    scene(open, "the caller that sends its session_id ends a contested session", async (scene) => {
      await scene.session();
      const sessionId = await scene.session();
      assert.equal(await scene.unregister({ sessionId }), "ended");
      assert.equal((await scene.user()).online, false);
    });

    scene(open, "a heartbeat keeps the device's session alive", async (scene) => {
      await scene.session();
      for (let beat = 0; beat < 4; beat++) {
        await scene.elapse(ttlMs - 5_000);
        assert.equal(await scene.refresh(), "refreshed");
      }
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(open, "a late heartbeat revives an expired session with its order and instance", async (scene) => {
      const sessionId = await scene.session({ instanceId: "gateway-7" });
      const before = (await scene.user()).devices;
      await scene.elapse(ttlMs + 1_000);
      assert.equal((await scene.user()).online, false);
      assert.equal(await scene.refresh(), "refreshed");
      assert.deepEqual((await scene.user()).devices, before);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "EXPIRED", "CONNECTED"]);
      assert.equal((await scene.transitions()).at(-1)?.instanceId, "gateway-7");
      assert.equal(await scene.refresh({ sessionId }), "refreshed");
    });

    scene(open, "a revived session is contested, and expires like any other (P2)", async (scene) => {
      await scene.session();
      await scene.elapse(ttlMs + 1_000);
      await scene.refresh();
      assert.equal(await scene.unregister(), "contested");
      await scene.elapse(ttlMs - 5_000);
      assert.equal((await scene.user()).online, true);
      await scene.elapse(6_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "EXPIRED", "CONNECTED", "EXPIRED"]);
    });

    scene(open, "a late heartbeat does not revive a session that was ended", async (scene) => {
      await scene.session();
      await scene.unregister();
      assert.equal(await scene.refresh(), "missing");
      assert.equal((await scene.user()).online, false);
    });

    // Its caller does not look at answers, and keeps the socket.
    scene(open, "an end may be late for as long as heartbeats come of what is gone (P1)", async (scene) => {
      await scene.session();
      await scene.unregister();
      for (let passedMs = 0; passedMs < memoryMs; passedMs += 30_000) {
        await scene.elapse(30_000);
        assert.equal(await scene.refresh(), "missing");
      }
      await scene.session({ instanceId: "gateway-2" });
      assert.equal(await scene.unregister(), "contested");
      assert.deepEqual(await scene.devices(), ["phone"]);
    });

    scene(open, "a late heartbeat does not revive an expired session of a caller with tokens", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await scene.elapse(ttlMs + 1_000);
      assert.equal(await scene.refresh(), "missing");
      assert.equal(await scene.refresh({ sessionId }), "missing");
      assert.equal((await scene.user()).online, false);
    });

    // Its caller would never register it again: it ignores the answers to its heartbeats.
    scene(open, "a heartbeat of a device that nobody knows registers it, contested (P1)", async (scene) => {
      assert.equal(await scene.refresh({ userId: "ben", instanceId: "gateway-7" }), "refreshed");
      const { devices } = await scene.user("ben");
      assert.deepEqual(
        devices.map(({ deviceId, instanceId, connectedAtMs }) => [deviceId, instanceId, connectedAtMs]),
        [["phone", "gateway-7", 0]],
      );
      assert.deepEqual(await scene.causes("ben"), ["CONNECTED"]);
      assert.equal(await scene.unregister({ userId: "ben" }), "contested");
      await scene.elapse(ttlMs + 1_000);
      assert.deepEqual(await scene.causes("ben"), ["CONNECTED", "EXPIRED"]);
    });

    scene(
      open,
      "a heartbeat of a device that was forgotten is not taken for another one's (P1, P2)",
      async (scene) => {
        await scene.refresh({ deviceId: "phone" });
        await scene.elapse(ttlMs + memoryMs + 1_000);
        assert.equal(await scene.refresh({ deviceId: "laptop" }), "refreshed");
        assert.equal(await scene.refresh({ deviceId: "phone" }), "missing", "the user has no room for it");
        await scene.elapse(ttlMs + 1_000);
        assert.equal(await scene.refresh({ deviceId: "phone" }), "missing");
      },
      { rules: { ...defaultRules, userMaxDevices: 1 } },
    );

    scene(open, "devices that heartbeats registered live and expire each for itself (P2)", async (scene) => {
      for (const deviceId of ["phone", "laptop", "tablet"])
        assert.equal(await scene.refresh({ deviceId }), "refreshed");
      await scene.elapse(ttlMs - 1_000);
      assert.equal(await scene.refresh({ deviceId: "laptop" }), "refreshed");
      await scene.elapse(2_000);
      assert.deepEqual(await scene.devices(), ["laptop"]);
      await scene.elapse(ttlMs);
      assert.deepEqual(await scene.devices(), []);
    });

    scene(open, "a heartbeat that registered a device gives way to every Register of it", async (scene) => {
      await scene.refresh();
      const previousSessionId = `${((await scene.harness.wallMs()) - 86_400_000) * 1_000}.c1`;
      assert.equal(await scene.session({ connectionId: "c1", previousSessionId }), previousSessionId);
      assert.equal(await scene.refresh(), "superseded");
    });

    scene(open, "a heartbeat without a hint of its gateway says that it is unknown", async (scene) => {
      await scene.refresh();
      assert.equal((await scene.user()).devices[0]?.instanceId, unknownInstance);
    });
  });
