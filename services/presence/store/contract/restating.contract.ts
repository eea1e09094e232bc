import assert from "node:assert/strict";
import { describe } from "node:test";
import { isMark, type LogEntry, transitionsIn } from "../../domain/log-entry.ts";
import type { LogListener, RestateDuty } from "../store.ts";
import { type Scene, scene, until } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

const leaseMs = 600_000;

/** Saying again who is online, so that consumers who missed some converge (P8). */
export const restating = (open: OpenStore) =>
  describe("restating", () => {
    scene(
      open,
      "says again who is online, above begin, with a version that the user has from then on",
      async (scene) => {
        const shard = scene.shardOf("anna");
        await scene.session({ connectionId: "c1" });
        await scene.session({ deviceId: "tablet", instanceId: "gateway-2" });
        const before = await scene.user();
        const duty = await begin(scene, shard);
        assert.deepEqual(await walk(scene, new Map([[shard, duty]])), { restated: 1, undone: [], failed: [] });
        const [, restated] = await scene.transitions();
        const after = await scene.user();
        assert(restated !== undefined && restated.version > duty.begin);
        assert.deepEqual([restated.cause, restated.online, restated.lastSeenMs], ["RESTATED", true, 0]);
        assert.deepEqual(after, { ...before, version: restated.version });
        const device = before.devices.find(({ deviceId }) => deviceId === restated.deviceId);
        assert.equal(device?.instanceId, restated.instanceId);
        assert.equal(await scene.refresh({ deviceId: "tablet" }), "refreshed");
      },
    );

    scene(open, "leaves out who is offline, who came since begin, and who was restated already", async (scene) => {
      const shard = scene.shardOf("anna");
      const [gone, late] = scene.usersOf(shard, 2) as [string, string];
      await scene.session();
      await scene.session({ userId: gone });
      await scene.unregister({ userId: gone });
      const duties = new Map([[shard, await begin(scene, shard)]]);
      await scene.session({ userId: late });
      assert.equal((await walk(scene, duties)).restated, 1);
      assert.equal((await walk(scene, duties)).restated, 0);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "RESTATED"]);
      assert.deepEqual(
        [await scene.causes(gone), await scene.causes(late)],
        [["CONNECTED", "DISCONNECTED"], ["CONNECTED"]],
      );
    });

    scene(
      open,
      "another status restates whoever was online below begin, since consumers may pass over statuses",
      async (scene) => {
        const shard = scene.shardOf("anna");
        const [idle, back, left] = scene.usersOf(shard, 3) as [string, string, string];
        const rest = async (userId: string, sessionId: string) => {
          const idleSinceMs = (await scene.harness.wallMs()) - 600_000;
          await scene.store.setActivity({ userId, deviceId: "phone", sessionId }, { sequence: 0, idleSinceMs });
        };
        const claim = { claimId: "self", text: "lunch", emoji: "", expiresAtMs: undefined, setAtMs: undefined };
        await scene.session();
        const idles = await scene.session({ userId: idle, connectionId: "c1" });
        await rest(back, await scene.session({ userId: back, connectionId: "c2" }));
        await rest(left, await scene.session({ userId: left, connectionId: "c3" }));
        const used = await scene.session({ userId: left, deviceId: "tablet", connectionId: "c4" });
        const duties = new Map([[shard, await begin(scene, shard)]]);
        await scene.store.setStatus("anna", { ...claim, availability: "BUSY" });
        await scene.store.setStatus("anna", { ...claim, availability: "AWAY" });
        await rest(idle, idles);
        await scene.session({ userId: back, deviceId: "tablet", connectionId: "c5" });
        await scene.unregister({ userId: left, deviceId: "tablet", sessionId: used });
        assert.equal((await walk(scene, duties)).restated, 0);
        assert.deepEqual(await scene.causes(), ["CONNECTED", "RESTATED", "STATUS"]);
        for (const userId of [idle, back, left]) {
          assert.equal((await scene.causes(userId)).at(-1), "RESTATED", userId);
          const [told, kept] = [(await scene.transitions(userId)).at(-1), await scene.user(userId)];
          assert.deepEqual([told?.status, told?.version], [kept.status, kept.version]);
        }
      },
    );

    scene(open, "names a live device, and one in grace only when there is no other", async (scene) => {
      const shard = scene.shardOf("anna");
      const [graced] = scene.usersOf(shard, 1) as [string];
      const lose = (userId: string, sessionId: string) =>
        scene.unregister({ userId, sessionId, reason: "CONNECTION_LOST" });
      await lose(graced, await scene.session({ userId: graced, connectionId: "c1" }));
      await lose("anna", await scene.session({ connectionId: "c1" }));
      await scene.session({ deviceId: "tablet", instanceId: "gateway-2" });
      await walk(scene, new Map([[shard, await begin(scene, shard)]]));
      const named = async (userId: string) => {
        const restated = (await scene.transitions(userId)).at(-1);
        return [restated?.cause, restated?.deviceId, restated?.instanceId];
      };
      assert.deepEqual(await named("anna"), ["RESTATED", "tablet", "gateway-2"]);
      assert.deepEqual(await named(graced), ["RESTATED", "phone", "gateway-1"]);
    });

    scene(open, "the restated leave as ever, with a higher version, and each of them is told", async (scene) => {
      const shard = scene.shardOf("anna");
      await scene.session();
      await walk(scene, new Map([[shard, await begin(scene, shard)]]));
      await scene.elapse(61_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "RESTATED", "EXPIRED"]);
      assert.equal((await scene.user()).online, false);
    });

    scene(open, "many users in steps: each once, and only those of the shards asked for", async (scene) => {
      const [shard, other] = scene.shards as [number, number | undefined];
      const userIds = scene.usersOf(shard, 1_200);
      await Promise.all(userIds.map((userId) => scene.session({ userId })));
      const duty = await begin(scene, shard);
      if (other !== undefined) {
        await scene.session({ userId: scene.usersOf(other, 1)[0] as string });
        await begin(scene, other);
      }
      const { restated } = await walk(scene, new Map([[shard, duty]]));
      assert.equal(restated, 1_200);
      const told = transitionsIn((await scene.entries(shard)).filter(({ version }) => version > duty.begin));
      assert.deepEqual(told.map(({ userId }) => userId).sort(), userIds.sort());
    });

    scene(open, "completes with a mark above all who were restated, once however often it is told", async (scene) => {
      const shard = scene.shardOf("anna");
      await scene.session();
      const duty = await begin(scene, shard);
      assert.equal((await scene.store.tick(shard, 0)).begin, duty.begin);
      assert.equal((await scene.store.tick(shard, 0)).isRestated, false);
      await walk(scene, new Map([[shard, duty]]));
      for (let time = 0; time < 2; time++) assert.equal(await scene.store.completeRestating(shard, duty), true);
      const entries = await scene.entries(shard);
      const { version } = entries.at(-1) as LogEntry;
      assert.deepEqual(entries.filter(isMark).slice(-2), [
        { mark: "begin", shard, version: duty.begin },
        { mark: "complete", shard, version, begin: duty.begin },
      ]);
      assert(version > (await scene.user()).version);
      assert.equal((await scene.store.tick(shard, 0)).isRestated, true);
    });

    scene(open, "those who follow the log hear of it in its order", async (scene) => {
      const shard = scene.shardOf("anna");
      await scene.session();
      const listener = new Recorder();
      scene.store.follow(shard, listener);
      await until(() => listener.isListening, "it listens");
      const duty = await begin(scene, shard);
      await walk(scene, new Map([[shard, duty]]));
      await scene.store.completeRestating(shard, duty);
      await until(() => listener.heard.length === 3, "all is heard");
      assert.deepEqual(listener.heard, (await scene.entries(shard)).slice(-3));
    });

    scene(
      open,
      "another begin makes void what was begun before: nobody is restated for it, nor is it complete",
      async (scene) => {
        const shard = scene.shardOf("anna");
        await scene.session();
        const first = await begin(scene, shard);
        const second = await begin(scene, shard);
        assert(second.begin > first.begin);
        assert.deepEqual(await walk(scene, new Map([[shard, first]])), { restated: 0, undone: [shard], failed: [] });
        assert.equal(await scene.store.completeRestating(shard, first), false);
        assert.equal((await scene.store.tick(shard, 0)).isRestated, false);
        assert.equal((await walk(scene, new Map([[shard, second]]))).restated, 1);
      },
    );

    scene(open, "brings nobody back who left before it began: nothing was lost (P2)", async (scene) => {
      await scene.session();
      await scene.unregister();
      await scene.elapse(1_000);
      const { begin: begun } = await begin(scene, scene.shardOf("anna"));
      assert.equal(await scene.refresh(), "missing");
      const { begin: still, recoveringMs } = await scene.store.tick(scene.shardOf("anna"), 0);
      assert.deepEqual([still, recoveringMs], [begun, 0]);
      await scene.session({ deviceId: "laptop" });
      assert.equal(await scene.unregister({ deviceId: "laptop" }), "ended", "nor is a registration contested");
    });

    scene(open, "a node that lost its lease begins, restates and completes nothing any more", async (scene) => {
      const shard = scene.shardOf("anna");
      await scene.session();
      const lost = await begin(scene, shard);
      await scene.store.release(shard, "node-a");
      const held = await scene.store.claim(shard, "node-b", leaseMs);
      assert.equal(held?.begin, lost.begin, "its successor goes on with the same begin");
      assert.equal(await scene.store.beginRestating(shard, lost.fence), undefined);
      assert.deepEqual(await walk(scene, new Map([[shard, lost]])), { restated: 0, undone: [shard], failed: [] });
      assert.equal(await scene.store.completeRestating(shard, lost), false);
      const duty = { begin: held.begin, fence: held.fence };
      assert.equal((await walk(scene, new Map([[shard, duty]]))).restated, 1);
      assert.equal(await scene.store.completeRestating(shard, duty), true);
    });

    scene(
      open,
      "waits while the log is over half its cap, and goes on when it was published (P4)",
      async (scene) => {
        const shard = scene.shardOf("anna");
        const userIds = scene.usersOf(shard, 700);
        for (const userId of userIds) await scene.session({ userId });
        const duty = await begin(scene, shard);
        const duties = new Map([[shard, duty]]);
        assert.deepEqual(await walk(scene, duties), { restated: 0, undone: [shard], failed: [] });
        const published = await scene.store.lastVersion(shard);
        assert.equal(await scene.store.advance(shard, duty.fence, { kafka: published }), true);
        assert((await walk(scene, duties)).restated > 0);
        const { entries, gap } = await scene.store.readLog(shard, published, 10_000);
        assert.equal(gap, false);
        assert(transitionsIn(entries).every(({ cause }) => cause === "RESTATED"));
      },
      { logMaxEntries: 1_200 },
    );

    scene(
      open,
      "of a log over a quarter of its cap all is trimmed that every publisher passed, however young (P4)",
      async (scene) => {
        const shard = scene.shardOf("anna");
        for (const userId of scene.usersOf(shard, 1_000)) await scene.session({ userId });
        const { fence } = await begin(scene, shard);
        const [slow, fast] = await versionsAt(scene, shard, [600, 900]);
        assert.equal(
          await scene.store.advance(shard, fence, { kafka: slow as number, "redis-pubsub": fast as number }),
          true,
        );
        assert((await scene.store.tick(shard, 0)).logLength < 550, "what all passed is gone");
        assert.equal((await scene.store.readLog(shard, slow as number, 10)).gap, false, "what one did not is there");
        const last = await scene.store.lastVersion(shard);
        assert.equal(await scene.store.advance(shard, fence, { kafka: last, "redis-pubsub": last }), true);
        const { logLength } = await scene.store.tick(shard, 0);
        assert(logLength >= 300 && logLength < 450, `a quarter stays for watchers: ${logLength}`);
      },
      { logMaxEntries: 1_200 },
    );
  });

/** A begin, as after a log that ran over, by node-a. */
async function begin(scene: Scene, shard: number): Promise<RestateDuty> {
  const lease = await scene.store.claim(shard, "node-a", leaseMs);
  assert(lease !== undefined);
  const begin = await scene.store.beginRestating(shard, lease.fence);
  assert(begin !== undefined);
  return { begin, fence: lease.fence };
}

async function walk(scene: Scene, duties: ReadonlyMap<number, RestateDuty>) {
  const found = { restated: 0, undone: new Set<number>(), failed: new Set<number>() };
  let cursor = "";
  do {
    const step = await scene.store.restate(cursor, duties);
    found.restated += step.restated;
    for (const shard of step.undone) found.undone.add(shard);
    for (const shard of step.failed) found.failed.add(shard);
    if (step.undone.size > 0) break;
    cursor = step.cursor;
  } while (cursor !== "");
  return { restated: found.restated, undone: [...found.undone], failed: [...found.failed] };
}

async function versionsAt(scene: Scene, shard: number, places: readonly number[]): Promise<(number | undefined)[]> {
  const entries = await scene.entries(shard);
  return places.map((place) => entries[place]?.version);
}

class Recorder implements LogListener {
  heard: LogEntry[] = [];
  isListening = false;

  entry(entry: LogEntry): void {
    this.heard.push(entry);
  }

  interrupted(): void {
    this.isListening = true;
  }
}
