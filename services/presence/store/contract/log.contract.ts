import assert from "node:assert/strict";
import { describe } from "node:test";
import { transitionsIn } from "../../domain/log-entry.ts";
import type { Transition } from "../../domain/transition.ts";
import type { LogListener } from "../store.ts";
import { type Scene, scene, until } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

/** The log of transitions, and those who read it. */
export const log = (open: OpenStore) =>
  describe("log", () => {
    scene(open, "an empty log is at version 0 and has no gap", async (scene) => {
      const [shard] = scene.shards as [number];
      assert.equal(await scene.store.lastVersion(shard), 0);
      assert.deepEqual(await scene.store.readLog(shard, 0, 10), { entries: [], gap: false });
    });

    scene(open, "reads what comes after a position, oldest first, in pages (P4)", async (scene) => {
      const [shard] = scene.shards as [number];
      await comeAndGo(scene, shard, 10);
      const all = await scene.log(shard);
      assert.equal(all.length, 20);
      const paged: Transition[] = [];
      for (let position = 0; ; position = paged.at(-1)?.version ?? 0) {
        const { entries, gap } = await scene.store.readLog(shard, position, 7);
        assert.equal(gap, false);
        if (entries.length === 0) break;
        assert(entries.length <= 7);
        paged.push(...transitionsIn(entries));
      }
      assert.deepEqual(paged, all);
      const last = await scene.store.lastVersion(shard);
      assert.deepEqual(await scene.store.readLog(shard, last, 7), { entries: [], gap: false });
    });

    scene(
      open,
      "a position whose successors were dropped is a gap; later ones are not (P4)",
      async (scene) => {
        const [shard] = scene.shards as [number];
        const [userId] = scene.usersOf(shard, 1) as [string];
        await scene.session({ userId });
        const position = (await scene.user(userId)).version;
        await comeAndGo(scene, shard, 400);
        const { entries, gap } = await scene.store.readLog(shard, position, 10);
        assert.equal(gap, true);
        assert(entries.every(({ version }) => version > position));
        assert.equal((await scene.store.readLog(shard, 0, 10)).gap, true);
        assert((await scene.store.tick(shard, 100)).logLength < 500);
        const kept = entries[3]?.version ?? assert.fail("too few entries");
        const later = await scene.store.readLog(shard, kept, 6);
        assert.deepEqual([later.gap, later.entries], [false, entries.slice(4)]);
      },
      { logMaxEntries: 100 },
    );

    scene(open, "a follower is told to read on first, then hears every entry in order", async (scene) => {
      const [shard] = scene.shards as [number];
      const listener = new Recorder();
      const stop = scene.store.follow(shard, listener);
      await until(() => listener.heard.length > 0, "interrupted, when listening starts");
      assert.deepEqual(listener.heard, ["interrupted"]);
      await comeAndGo(scene, shard, 10);
      await until(() => listener.heard.length > 20, "all entries");
      assert.deepEqual(listener.heard.slice(1), await scene.log(shard));
      stop();
      stop();
    });

    scene(open, "a follower hears of expiry too, and nothing after it stopped", async (scene) => {
      const [shard] = scene.shards as [number];
      const [userId] = scene.usersOf(shard, 1) as [string];
      const [stopping, staying] = [new Recorder(), new Recorder()];
      const stop = scene.store.follow(shard, stopping);
      const stopStaying = scene.store.follow(shard, staying);
      await until(() => stopping.heard.length > 0 && staying.heard.length > 0, "both listen");
      await scene.session({ userId });
      await until(() => stopping.heard.length === 2 && staying.heard.length === 2, "both hear of the session");
      stop();
      await scene.elapse(61_000);
      await until(() => staying.heard.length === 3, "the one that stayed hears of the expiry");
      assert.deepEqual((await scene.transitions(userId)).slice(1), staying.heard.slice(2));
      assert.equal(stopping.heard.length, 2);
      stopStaying();
    });

    scene(
      open,
      "a follower hears of devices that come and go while another one keeps the user online",
      async (scene) => {
        const [shard, changed] = [scene.shardOf("anna"), [] as string[]];
        let isListening = false;
        const stop = scene.store.follow(shard, {
          entry: () => {},
          interrupted: () => {
            isListening = true;
          },
          devicesChanged: (userId) => changed.push(userId),
        });
        await until(() => isListening, "it listens");
        let count = 0;
        const untilTold = async (what: string) => {
          count++;
          await until(() => changed.length >= count, what);
        };
        const [other] = scene.usersOf(shard, 1) as [string];
        // One device alone tells nobody of itself but by transitions, not by its grace and its return either.
        await scene.session();
        await scene.unregister({ reason: "CONNECTION_LOST" });
        await scene.session({ connectionId: "second" });
        await scene.session({ userId: other });
        await scene.unregister({ userId: other });
        await scene.session({ deviceId: "laptop" });
        await untilTold("a second device");
        // The same device at another place.
        await scene.session({ deviceId: "laptop", connectionId: "elsewhere", instanceId: "gateway-2" });
        const { devices, version } = await scene.user();
        assert.equal(devices.length, 2);
        const token = (await scene.session({ deviceId: "laptop", connectionId: "again" })) as string;
        await scene.unregister({ deviceId: "laptop", sessionId: token, reason: "CONNECTION_LOST" });
        await untilTold("a device that is lost");
        const back = await scene.session({ deviceId: "laptop", connectionId: "back" });
        await untilTold("a device that is back");
        await scene.unregister({ deviceId: "laptop", sessionId: back });
        await untilTold("a device that is gone");
        const lost = await scene.session({ deviceId: "tablet", connectionId: "lost" });
        await untilTold("another device");
        await scene.unregister({ deviceId: "tablet", sessionId: lost, reason: "CONNECTION_LOST" });
        await untilTold("another device that is lost");
        await scene.elapse(6_000);
        // The end of a grace changes no list: this is of the watch.
        await scene.session({ deviceId: "watch", connectionId: "silent" });
        await untilTold("a device that is silent from now on");
        const phone = await scene.session({ connectionId: "third" });
        await scene.elapse(40_000);
        assert.equal(await scene.refresh({ sessionId: phone }), "refreshed");
        await scene.elapse(25_000);
        await untilTold("a device that expired");
        await scene.session({ deviceId: "last", connectionId: "last" });
        await untilTold("the last one");
        assert.deepEqual(changed, Array(count).fill("anna"));
        assert.deepEqual(await scene.causes(), ["CONNECTED"]);
        assert.equal((await scene.user()).version, version);
        stop();
      },
    );

    scene(open, "a scan finds everyone who is online, with devices and version", async (scene) => {
      const userIds = Array.from({ length: 700 }, (_, index) => `user-${index}`);
      await Promise.all(userIds.map((userId) => scene.session({ userId })));
      await Promise.all(userIds.slice(0, 100).map((userId) => scene.unregister({ userId })));
      await scene.unregister({ userId: "user-100", reason: "CONNECTION_LOST" });
      const found = new Map<string, unknown>();
      for (const shard of scene.shards) {
        for await (const page of scene.store.scanOnline(shard)) {
          for (const view of page) {
            assert.equal(view.shard, shard);
            found.set(view.userId, view);
          }
        }
      }
      assert.equal(found.size, 600);
      for (const view of await scene.store.users(userIds.slice(100))) assert.deepEqual(found.get(view.userId), view);
    });
  });

class Recorder implements LogListener {
  readonly heard: ("interrupted" | Transition)[] = [];

  entry(transition: Transition): void {
    this.heard.push(transition);
  }

  interrupted(): void {
    this.heard.push("interrupted");
  }
}

/** Two transitions for each of so many new users of the shard. */
async function comeAndGo(scene: Scene, shard: number, count: number): Promise<void> {
  const userIds = scene.usersOf(shard, count + 1).slice(1);
  await Promise.all(userIds.map((userId) => scene.session({ userId })));
  await Promise.all(userIds.map((userId) => scene.unregister({ userId })));
}
