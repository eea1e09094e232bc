import assert from "node:assert/strict";
import { describe } from "node:test";
import type { LogEntry } from "../../domain/log-entry.ts";
import { assertNear, scene, until } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

/** When users come online and go offline, and what the log says of it. */
export const transitions = (open: OpenStore) =>
  describe("transitions", () => {
    scene(open, "the first session brings the user online, with one version everywhere (P3)", async (scene) => {
      const result = await scene.register();
      assert(result.kind === "registered");
      const view = await scene.user();
      assert.equal(view.online, true);
      assert.equal(view.version, result.version);
      assert.equal(view.lastSeenMs, 0);
      assert.deepEqual(await scene.transitions(), [
        {
          userId: "anna",
          online: true,
          version: result.version,
          cause: "CONNECTED",
          deviceId: "phone",
          instanceId: "gateway-1",
          lastSeenMs: 0,
          shard: view.shard,
        },
      ]);
    });

    scene(open, "a transition passes on by what the change that brought it about is traced", async (scene) => {
      const [came, went] = ["01", "02"].map((id) => `00-4bf92f3577b34da6a3ce929d0e0e47${id}-00f067aa0ba902b7-01`);
      const heard: LogEntry[] = [];
      const ready = Promise.withResolvers<void>();
      const unfollow = scene.store.follow(scene.shardOf("anna"), {
        entry: (entry) => heard.push(entry),
        interrupted: ready.resolve,
      });
      await ready.promise;
      await Promise.all([scene.session({ traceparent: came }), scene.session({ deviceId: "laptop" })]);
      await scene.unregister({ deviceId: "laptop", traceparent: came });
      await scene.unregister({ traceparent: went });
      await scene.session();
      const logged = await scene.transitions();
      assert.deepEqual(
        logged.map(({ traceparent }) => traceparent),
        [came, went, undefined],
      );
      await until(() => heard.length === logged.length, "the entries are announced");
      assert.deepEqual(heard, logged);
      unfollow();
    });

    scene(open, "a second device emits nothing and changes no version", async (scene) => {
      const first = await scene.register();
      const second = await scene.register({ deviceId: "laptop" });
      assert(first.kind === "registered" && second.kind === "registered");
      assert.equal(second.version, first.version);
      assert.deepEqual(await scene.devices(), ["laptop", "phone"]);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(open, "the first of two devices to leave takes nobody offline (P1)", async (scene) => {
      await scene.session();
      await scene.session({ deviceId: "laptop" });
      assert.equal(await scene.unregister(), "ended");
      assert.equal((await scene.user()).online, true);
      assert.deepEqual(await scene.devices(), ["laptop"]);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(open, "the last device to leave takes the user offline and is named", async (scene) => {
      await scene.session();
      await scene.session({ deviceId: "laptop", instanceId: "gateway-2" });
      await scene.unregister();
      assert.equal(await scene.unregister({ deviceId: "laptop" }), "ended");
      const view = await scene.user();
      assert.equal(view.online, false);
      assert.deepEqual(view.devices, []);
      assertNear(view.lastSeenMs, await scene.harness.wallMs(), 1_000, "last seen");
      assert.deepEqual((await scene.transitions())[1], {
        userId: "anna",
        online: false,
        version: view.version,
        cause: "DISCONNECTED",
        deviceId: "laptop",
        instanceId: "gateway-2",
        lastSeenMs: view.lastSeenMs,
        shard: view.shard,
      });
    });

    scene(open, "logging out is told apart", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      assert.equal(await scene.unregister({ sessionId, reason: "LOGGED_OUT" }), "ended");
      assert.deepEqual(await scene.causes(), ["CONNECTED", "LOGGED_OUT"]);
    });

    scene(open, "a device that moves to another gateway emits nothing and is listed there", async (scene) => {
      await scene.session({ connectionId: "c1" });
      await scene.session({ connectionId: "c2", instanceId: "gateway-2" });
      const { devices } = await scene.user();
      assert.deepEqual(
        devices.map(({ instanceId }) => instanceId),
        ["gateway-2"],
      );
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(open, "ending what is not there succeeds and emits nothing", async (scene) => {
      assert.equal(await scene.unregister(), "absent");
      await scene.session();
      await scene.unregister();
      assert.equal(await scene.unregister(), "absent");
      assert.deepEqual(await scene.causes(), ["CONNECTED", "DISCONNECTED"]);
    });

    scene(open, "versions grow strictly, per shard and so per user (P3)", async (scene) => {
      const userIds = ["anna", "ben", "cleo", "dora"];
      for (let round = 0; round < 10; round++) {
        const registrations = userIds.map((userId) => scene.session({ userId, connectionId: `c${round}` }));
        const sessionIds = await Promise.all(registrations);
        await Promise.all(userIds.map((userId, index) => scene.unregister({ userId, sessionId: sessionIds[index] })));
      }
      let seen = 0;
      for (const shard of scene.shards) {
        let last = 0;
        for (const { version } of await scene.log(shard)) {
          assert(version > last, `${version} follows ${last}`);
          last = version;
          seen += 1;
        }
        assert.equal(await scene.store.lastVersion(shard), last);
      }
      assert.equal(seen, userIds.length * 20);
      for (const userId of userIds) {
        assert.equal((await scene.user(userId)).version, (await scene.transitions(userId)).at(-1)?.version);
      }
    });

    scene(open, "a version is about the time of its transition, in microseconds", async (scene) => {
      await scene.session();
      assertNear((await scene.user()).version / 1000, await scene.harness.wallMs(), 1_000, "version");
    });
  });
