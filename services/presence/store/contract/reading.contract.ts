import assert from "node:assert/strict";
import { describe } from "node:test";
import { PresenceError } from "../../domain/presence-error.ts";
import { assertNear, scene } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

/** Who is online, on which devices. */
export const reading = (open: OpenStore) =>
  describe("reading", () => {
    scene(open, "one view per id, in the order asked, duplicates kept", async (scene) => {
      await scene.session({ userId: "ben" });
      const asked = ["anna", "ben", "cleo", "ben", "anna"];
      const views = await scene.store.users(asked);
      assert.deepEqual(
        views.map(({ userId, online }) => [userId, online]),
        asked.map((userId) => [userId, userId === "ben"]),
      );
      assert.deepEqual(await scene.store.users([]), []);
    });

    scene(open, "a view names the user's shard", async (scene) => {
      for (const userId of ["anna", "ben", "cleo", "é"]) {
        assert.equal((await scene.user(userId)).shard, scene.shardOf(userId));
      }
    });

    scene(open, "devices are sorted, each with its gateway and since when", async (scene) => {
      await scene.session({ deviceId: "tablet", instanceId: "gateway-2" });
      await scene.session({ deviceId: "laptop" });
      await scene.session({ deviceId: "phone" });
      const { devices } = await scene.user();
      assert.deepEqual(
        devices.map(({ deviceId, instanceId }) => [deviceId, instanceId]),
        [
          ["laptop", "gateway-1"],
          ["phone", "gateway-1"],
          ["tablet", "gateway-2"],
        ],
      );
      const nowMs = await scene.harness.wallMs();
      for (const { connectedAtMs } of devices) assertNear(connectedAtMs, nowMs, 1_000, "connected at");
    });

    scene(open, "a user without record is offline at a version below its first transition (P3)", async (scene) => {
      await scene.session({ userId: "ben" });
      const before = await scene.user("anna");
      assert.deepEqual([before.online, before.lastSeenMs, before.devices], [false, 0, []]);
      await scene.session({ userId: "anna" });
      assert((await scene.user("anna")).version > before.version);
    });

    scene(open, "who left is remembered with version and last seen, until the retention is over", async (scene) => {
      await scene.session();
      await scene.unregister();
      const left = await scene.user();
      assert(left.lastSeenMs > 0);
      assert.deepEqual(await scene.user(), left);
      await scene.harness.outliveRetention();
      const forgotten = await scene.user();
      assert.deepEqual([forgotten.online, forgotten.lastSeenMs, forgotten.devices], [false, 0, []]);
      assert(forgotten.version >= left.version, "versions never step back (P3)");
      const back = await scene.register();
      assert(back.kind === "registered" && back.version > forgotten.version);
    });

    scene(
      open,
      "a user who came back is not forgotten when the retention of the absence is over (P1)",
      async (scene) => {
        await scene.session();
        await scene.unregister();
        await scene.session();
        const view = await scene.user();
        await scene.harness.outliveRetention();
        assert.deepEqual(await scene.user(), view);
        assert.equal(await scene.refresh(), "refreshed");
      },
    );

    scene(open, "a store that is closed answers UNAVAILABLE, never a guess (P5)", async (scene) => {
      await scene.session();
      await scene.store.close();
      const isUnavailable = (error: unknown) => error instanceof PresenceError && error.code === "UNAVAILABLE";
      await assert.rejects(scene.user(), isUnavailable);
      await assert.rejects(scene.register(), isUnavailable);
      await assert.rejects(scene.unregister(), isUnavailable);
      await assert.rejects(scene.refresh(), isUnavailable);
      await assert.rejects(scene.store.tick(0, 100), isUnavailable);
      assert.equal(scene.store.health().ready, false);
    });

    scene(open, "it is ready while open, and counts what it did", async (scene) => {
      await scene.session();
      await scene.refresh();
      assert.equal(scene.store.health().ready, true);
      const { operations, bounds } = scene.store.metrics();
      assert.equal(operations.register?.count, 1);
      assert.equal(operations.register?.failed, 0);
      for (const [name, { used, limit }] of Object.entries(bounds)) assert(used <= limit, name);
    });
  });
