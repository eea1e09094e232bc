import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { ContractHarness, type StartNodes } from "./contract-harness.ts";
import { Watched } from "./watched.ts";

const { PRESENCE_STATUS_OFFLINE } = presence.PresenceStatus;
const { TRANSITION_CAUSE_DISCONNECTED, TRANSITION_CAUSE_EXPIRED } = presence.TransitionCause;

/** Gateways written for the existing contract: they know its fields alone, and race. */
export const legacy = (start: StartNodes) =>
  // One after the other: on their connection the last gateway that registered signs heartbeats.
  describe("legacy callers", { concurrency: 1 }, () => {
    const harness = ContractHarness.start(start, { SESSION_TTL: "2s" });
    const phoneOf = (userId: string) => ({ userId, deviceId: "phone" });

    test("a plain Register, then Unregister, ends at once", async () => {
      const userId = harness.user();
      const watch = await Watched.start(harness.client, [userId]);
      await harness.register({ userId });
      await watch.update(userId, 1);
      await harness.api.unregisterSession(phoneOf(userId));
      assert.equal(await harness.isOnline(userId), false);
      assert.equal((await watch.update(userId, 2)).cause, TRANSITION_CAUSE_DISCONNECTED);
      watch.close();
    });

    test("Register on A, Register on B, A's late Unregister: online without an event (P1)", async () => {
      const userId = harness.user();
      const watch = await Watched.start(harness.client, [userId]);
      const { version } = await harness.register({ userId, instanceId: "gateway-a" });
      await harness.register({ userId, instanceId: "gateway-b" });
      for (let repetition = 0; repetition < 2; repetition++) await harness.api.unregisterSession(phoneOf(userId));
      const { devices } = await harness.api.getUserDevices({ userId });
      assert.deepEqual(
        devices.map(({ instanceId }) => instanceId),
        ["gateway-b"],
      );
      assert.equal((await harness.presenceOf(userId)).version, version);
      await watch.update(userId, 1);
      assert.deepEqual(watch.changesOf(userId), [`+${version}`]);
      watch.close();
    });

    test("fifty quick reconnects leave him online, and offline at the deadline (P1, P2)", async () => {
      const userId = harness.user();
      const watch = await Watched.start(harness.client, [userId]);
      await harness.register({ userId });
      for (let reconnect = 0; reconnect < 50; reconnect++) {
        await Promise.all([harness.register({ userId }), harness.api.refreshSession(phoneOf(userId))]);
        await harness.api.unregisterSession(phoneOf(userId));
      }
      assert.equal(await harness.isOnline(userId), true);
      const left = await watch.update(userId, 2);
      assert.deepEqual([left.status, left.cause], [PRESENCE_STATUS_OFFLINE, TRANSITION_CAUSE_EXPIRED]);
      assert.equal(watch.updates.length, 2);
      watch.close();
    });

    test("heartbeats keep him online; without them he goes offline at the deadline (P1, P2)", async () => {
      const userId = harness.user();
      const watch = await Watched.start(harness.client, [userId]);
      await harness.register({ userId });
      const end = systemClock.monotonicMs() + 4_500;
      while (systemClock.monotonicMs() < end) {
        await harness.api.refreshSession(phoneOf(userId));
        await pause(systemClock, 100);
      }
      const [online] = watch.changesOf(userId);
      assert.deepEqual(watch.changesOf(userId), [online]);
      assert.equal((await watch.update(userId, 2)).cause, TRANSITION_CAUSE_EXPIRED);
      watch.close();
    });

    test("a heartbeat that comes too late revives him: its caller would never register again", async () => {
      const userId = harness.user();
      const watch = await Watched.start(harness.client, [userId]);
      await harness.register({ userId, instanceId: "gateway-7" });
      await watch.update(userId, 2);
      await harness.api.refreshSession(phoneOf(userId));
      assert.equal((await watch.update(userId, 3)).instanceId, "gateway-7");
      assert.equal(await harness.isOnline(userId), true);
      watch.close();
    });

    test("a heartbeat of somebody unknown names the gateway that registers on its connection (P8)", async () => {
      const { api } = harness.client;
      const [alone, inBatch] = [harness.user(), harness.user()];
      await api.registerSession({ ...phoneOf(harness.user()), instanceId: "gateway-7" });
      await api.refreshSession(phoneOf(alone));
      await api.refreshSessions({ sessions: [phoneOf(inBatch)] });
      for (const userId of [alone, inBatch]) {
        const { devices } = await api.getUserDevices({ userId });
        assert.deepEqual(
          devices.map(({ instanceId }) => instanceId),
          ["gateway-7"],
        );
      }
    });
  });
