import assert from "node:assert/strict";
import { describe } from "node:test";
import { defaultRules } from "../../domain/rules.ts";
import { tickCapMs } from "../../domain/shard-clock.ts";
import { assertNear, scene } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

const { ttlMs } = defaultRules;
const capMs = tickCapMs(ttlMs);
const hourMs = 3_600_000;

/** Deadlines, and the clock that they are measured in. */
export const expiry = (open: OpenStore) =>
  describe("expiry", () => {
    scene(open, "a session that nobody refreshes is gone a TTL later, not before (P1, P2)", async (scene) => {
      await scene.session({ connectionId: "c1" });
      await scene.elapse(ttlMs - 2_000);
      assert.equal((await scene.user()).online, true);
      await scene.elapse(2_500);
      const view = await scene.user();
      assert.equal(view.online, false);
      assertNear(view.lastSeenMs, (await scene.harness.wallMs()) - ttlMs, 1_500, "last seen");
      const { version, cause, deviceId, instanceId } = (await scene.transitions())[1] ?? assert.fail("no transition");
      assert.deepEqual([cause, deviceId, instanceId, version], ["EXPIRED", "phone", "gateway-1", view.version]);
    });

    scene(open, "a heartbeat is worth a TTL from now", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await scene.elapse(ttlMs / 2);
      assert.equal(await scene.refresh({ sessionId }), "refreshed");
      await scene.elapse(ttlMs - 2_000);
      assert.equal((await scene.user()).online, true);
      await scene.elapse(3_000);
      assert.equal((await scene.user()).online, false);
      assert.equal(await scene.refresh({ sessionId }), "missing");
    });

    scene(open, "one of two devices that expires takes nobody offline (P1)", async (scene) => {
      await scene.session({ deviceId: "phone" });
      await scene.elapse(ttlMs / 2);
      await scene.session({ deviceId: "laptop" });
      await scene.elapse(ttlMs / 2 + 1_000);
      assert.deepEqual(await scene.devices(), ["laptop"]);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
      await scene.elapse(ttlMs / 2 + 1_000);
      assert.equal((await scene.transitions()).at(-1)?.deviceId, "laptop");
    });

    scene(open, "a session that ended leaves no deadline behind", async (scene) => {
      await scene.session();
      await scene.unregister();
      await scene.elapse(ttlMs + 1_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "DISCONNECTED"]);
    });

    scene(open, "nobody expires because time passed without ticks (P6)", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await scene.elapse(ttlMs / 2);
      await scene.freeze(hourMs);
      await scene.elapse(ttlMs / 2 - 3_000);
      assert.equal((await scene.user()).online, true);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
      assert.equal(await scene.refresh({ sessionId }), "refreshed");
      await scene.freeze(hourMs);
      await scene.elapse(ttlMs - 3_000);
      assert.equal(await scene.refresh({ sessionId }), "refreshed");
    });

    scene(
      open,
      "after an outage whoever does not come back is gone in the time that was left (P2, P6)",
      async (scene) => {
        await scene.session({ connectionId: "c1" });
        await scene.elapse(ttlMs / 2);
        await scene.freeze(hourMs);
        await scene.elapse(ttlMs / 2 + 1_000);
        assert.deepEqual(await scene.causes(), ["CONNECTED", "EXPIRED"]);
      },
    );

    scene(open, "a tick advances the clock by the time since the last one, at most by its cap (P6)", async (scene) => {
      const [shard] = scene.shards as [number];
      await scene.elapse(1);
      const first = await scene.store.tick(shard, 100);
      await scene.freeze(capMs / 2);
      const second = await scene.store.tick(shard, 100);
      assertNear(second.clockMs - first.clockMs, capMs / 2, capMs / 4, "advanced by");
      await scene.freeze(hourMs);
      const third = await scene.store.tick(shard, 100);
      assert.equal(third.clockMs - second.clockMs, capMs);
    });

    scene(open, "a tick takes down at most its limit, oldest deadline first", async (scene) => {
      const [shard] = scene.shards as [number];
      const userIds = scene.usersOf(shard, 25);
      for (const userId of userIds) {
        await scene.session({ userId });
        await scene.elapse(2);
      }
      await scene.elapse(ttlMs - 900);
      await scene.freeze(capMs);
      const first = await scene.store.tick(shard, 10);
      assert.deepEqual([first.expired, first.sessions, first.usersOnline], [10, 15, 15]);
      assert(first.lagMs > 0 && first.lagMs <= capMs, `lag ${first.lagMs}`);
      const second = await scene.store.tick(shard, 10);
      const third = await scene.store.tick(shard, 10);
      assert.deepEqual([second.expired, third.expired, third.sessions, third.usersOnline], [10, 5, 0, 0]);
      const left = (await scene.log(shard)).filter(({ online }) => !online);
      assert.deepEqual(
        left.map(({ userId }) => userId),
        userIds,
      );
      const fourth = await scene.store.tick(shard, 10);
      assert.deepEqual([fourth.expired, fourth.lagMs], [0, 0]);
    });

    scene(open, "a heartbeat that comes before the tick saves a session that is due (P1)", async (scene) => {
      await scene.session();
      await scene.elapse(ttlMs - 900);
      await scene.freeze(capMs);
      assert.equal(await scene.refresh(), "refreshed");
      await scene.elapse(capMs);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(open, "a tick counts sessions, users online and the log's entries", async (scene) => {
      const [shard] = scene.shards as [number];
      const [one, two, three] = scene.usersOf(shard, 3) as [string, string, string];
      await scene.session({ userId: one });
      await scene.session({ userId: one, deviceId: "laptop" });
      await scene.session({ userId: two });
      await scene.session({ userId: three });
      await scene.unregister({ userId: three });
      await scene.unregister({ userId: two, reason: "CONNECTION_LOST" });
      const tick = await scene.store.tick(shard, 100);
      const lastVersion = await scene.store.lastVersion(shard);
      assert.deepEqual(
        { sessions: tick.sessions, usersOnline: tick.usersOnline, logLength: tick.logLength, last: tick.lastVersion },
        { sessions: 3, usersOnline: 2, logLength: 4, last: lastVersion },
      );
    });
  });
