import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { beginLeadUs } from "../../domain/recovery.ts";
import { defaultRules } from "../../domain/rules.ts";
import { unknownInstance } from "../../domain/session.ts";
import { Scene } from "./scene.ts";
import { contractOptions, type LossyHarness, type OpenLossyStore } from "./store-harness.ts";

const { ttlMs, memoryMs, graceMs } = defaultRules;
const losses = ["flush", "setBack", "failOver"] as const;

/** What a store promises that can lose what it holds (P8). */
export const recovering = (open: OpenLossyStore) =>
  describe("a store that may have lost data", () => {
    function lossy(sentence: string, play: (scene: Scene, store: LossyHarness) => Promise<void>): void {
      test(sentence, async (context) => {
        const harness = await open(contractOptions);
        context.after(() => harness.close());
        await play(new Scene(harness), harness);
      });
    }
    const lose = (store: LossyHarness, loss: (typeof losses)[number]) =>
      loss === "setBack" ? store.setBack("another server") : store[loss]();

    lossy("loses nothing while nothing happens", async (scene) => {
      await scene.session();
      for (const shard of scene.shards) {
        const { begin, recoveringMs } = await scene.store.tick(shard, 0);
        assert.deepEqual([begin, recoveringMs, scene.store.isRecovering(shard)], [0, 0, false]);
        assert.equal(scene.store.dataSince(shard), 0);
      }
    });

    for (const loss of losses) {
      lossy(
        `begins anew once after ${loss}, above all that anybody saw, and says so in the log (P3)`,
        async (scene, store) => {
          await store.copy();
          await scene.session();
          const shard = scene.shardOf("anna");
          const seen = (await scene.user()).version;
          await lose(store, loss);
          const first = await scene.store.tick(shard, 0);
          assert.ok(first.begin >= seen + beginLeadUs, `${first.begin} is above ${seen}`);
          assert.equal(first.isRestated, false);
          assert.ok(first.recoveringMs > ttlMs - 1_000 && first.recoveringMs <= ttlMs, `${first.recoveringMs} ms`);
          const marks = (await scene.entries(shard)).filter((entry) => "mark" in entry);
          assert.deepEqual(marks, [{ mark: "begin", shard, version: first.begin }]);
          assert.equal((await scene.store.tick(shard, 0)).begin, first.begin);
          assert.equal(
            scene.store.dataSince(shard),
            loss === "flush" ? first.begin : 0,
            "of what came back, it keeps all",
          );
          const ben = await scene.register({ userId: scene.usersOf(shard, 2)[1] as string });
          assert.ok(ben.kind === "registered" && ben.version > first.begin);
        },
      );
    }

    lossy("begins anew when a fail-over is followed by one back: by what the node saw (P3)", async (scene, store) => {
      await store.copy();
      await scene.session();
      await scene.user();
      await store.setBack("the same server");
      const shard = scene.shardOf("anna");
      const { begin } = await scene.store.tick(shard, 0);
      assert.ok(begin > 0, "its log lacks what the node saw");
      await store.setBack("the same server");
      const again = await scene.store.tick(shard, 0);
      assert.ok(again.begin > begin, "its data are older than the begin that the node saw");
      await scene.session();
      assert.ok((await scene.user()).version > again.begin);
    });

    lossy(
      "keeps whom an operator closes online until it has recovered, and the connection away (P1)",
      async (scene, store) => {
        const sessionId = await scene.session({ connectionId: "c1" });
        await store.failOver();
        const all = { userId: "anna", deviceId: "", sessionId: "", reason: "closed", blockMs: undefined };
        const closed = await scene.store.closeSessions(all);
        assert.deepEqual(closed, { kind: "closed", sessions: [{ userId: "anna", deviceId: "phone", sessionId }] });
        assert.deepEqual([(await scene.user()).online, await scene.devices()], [true, []]);
        assert.equal((await scene.register({ connectionId: "c1", previousSessionId: sessionId })).kind, "closed");
        await scene.elapse(ttlMs + graceMs);
        assert.equal((await scene.user()).online, false);
      },
    );

    lossy(
      "remembers a block as long as its data: what a replica has, and not what came back empty",
      async (scene, store) => {
        const block = { userId: "anna", deviceId: "", sessionId: "", reason: "closed", blockMs: 3_600_000 };
        await scene.store.closeSessions(block);
        await store.copy();
        await scene.store.closeSessions({ ...block, userId: "ben" });
        await store.setBack("another server");
        assert.equal((await scene.register({ connectionId: "c1" })).kind, "closed");
        assert.equal(await scene.refresh(), "closed");
        await scene.session({ userId: "ben", connectionId: "c2" });
        await store.flush();
        for (const shard of scene.shards) await scene.store.tick(shard, 0);
        await scene.session({ connectionId: "c1" });
      },
    );

    lossy("starts the shard clock no lower than it was", async (scene, store) => {
      await scene.elapse(10_000);
      const shard = scene.shardOf("anna");
      const { clockMs } = await scene.store.tick(shard, 0);
      await store.flush();
      assert.ok((await scene.store.tick(shard, 0)).clockMs > clockMs);
    });

    lossy("reads nobody offline without saying that it recovers (P5)", async (scene, store) => {
      await scene.session();
      const shard = scene.shardOf("anna");
      for (const loss of ["flush", "failOver"] as const) {
        await lose(store, loss);
        if (loss === "flush") assert.equal((await scene.user()).online, false);
        else await scene.store.tick(shard, 0);
        assert.equal(scene.store.isRecovering(shard), true);
        await scene.elapse(ttlMs);
        assert.equal(scene.store.isRecovering(shard), false);
      }
    });

    lossy("reads nobody offline by an old record without saying that it recovers (P5)", async (scene, store) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await scene.unregister({ sessionId });
      await store.copy();
      await scene.session({ connectionId: "c2" });
      await scene.user();
      await store.setBack("the same server");
      const shard = scene.shardOf("anna");
      await scene.store.tick(shard, 0);
      assert.equal((await scene.user()).online, false);
      assert.equal(scene.store.isRecovering(shard), true);
    });

    for (const loss of losses) {
      lossy(
        `after ${loss}, a registration that waited yields to who came later, and to nobody else (P7)`,
        async (scene, store) => {
          await scene.session({ connectionId: "c1" });
          await store.copy();
          await store.stepBack(30_000);
          await lose(store, loss);
          const newer = await scene.session({ connectionId: "c3", ageMs: 5_000 });
          const older = { connectionId: "c2", ageMs: 10_000 };
          assert.deepEqual(await scene.register(older), { kind: "superseded" });
          assert.equal(await scene.refresh({ sessionId: newer }), "refreshed");
          await scene.session({ connectionId: "c4" });
          assert.deepEqual(await scene.register({ connectionId: "c5", ageMs: 1_000 }), { kind: "superseded" });
        },
      );
    }

    lossy("a caller with tokens comes back by registering again, to its place (P7)", async (scene, store) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      await store.flush();
      assert.equal(await scene.refresh({ sessionId }), "missing");
      assert.equal(await scene.session({ connectionId: "c1", previousSessionId: sessionId }), sessionId);
      await scene.session({ connectionId: "c2" });
      assert.equal((await scene.register({ connectionId: "c1", previousSessionId: sessionId })).kind, "superseded");
    });

    lossy("a late call that registers a connection anew does not supersede it (P7)", async (scene, store) => {
      const lost = await scene.session({ connectionId: "c1" });
      await store.flush();
      await scene.store.tick(scene.shardOf("anna"), 0);
      const late = await scene.session({ connectionId: "c1" });
      assert.notEqual(late, lost);
      assert.equal(await scene.refresh({ sessionId: lost }), "missing");
      const back = await scene.register({ connectionId: "c1", previousSessionId: lost });
      assert.ok(back.kind === "repeated" && back.sessionId === late);
      await scene.session({ connectionId: "c2" });
      assert.equal(await scene.refresh({ sessionId: lost }), "superseded");
    });

    lossy("a caller without tokens comes back by its next heartbeat, with its gateway (P1)", async (scene, store) => {
      await scene.session({ instanceId: "gateway-7" });
      await scene.session({ instanceId: "gateway-8", deviceId: "laptop" });
      await store.flush();
      assert.equal(await scene.refresh(), "refreshed");
      assert.equal(await scene.refresh({ deviceId: "laptop" }), "refreshed");
      assert.equal(await scene.refresh({ userId: "stranger" }), "refreshed");
      const { devices } = await scene.user();
      assert.deepEqual(
        devices.map(({ deviceId, instanceId }) => [deviceId, instanceId]),
        [
          ["laptop", "gateway-8"],
          ["phone", "gateway-7"],
        ],
      );
      assert.equal((await scene.user("stranger")).devices[0]?.instanceId, unknownInstance);
      await scene.elapse(ttlMs - 1_000);
      assert.equal(await scene.refresh(), "refreshed");
      await scene.elapse(2_000);
      assert.deepEqual(await scene.devices(), ["phone"]);
    });

    lossy("takes no device for another, however often it loses all (P1)", async (scene, store) => {
      for (const deviceIds of [
        ["phone", "laptop"],
        ["laptop", "phone"],
        ["phone", "laptop"],
      ]) {
        await store.flush();
        for (const deviceId of deviceIds) assert.equal(await scene.refresh({ deviceId }), "refreshed");
        assert.deepEqual(await scene.devices(), ["laptop", "phone"]);
      }
    });

    lossy("takes nobody down who lives while it recovers, nor later (P1)", async (scene, store) => {
      await scene.session();
      const sessionId = await scene.session({ userId: "ben", connectionId: "c1" });
      await store.copy();
      await scene.elapse(ttlMs / 3);
      for (let beat = 0; beat < 12; beat++) {
        assert.equal(await scene.refresh(), "refreshed");
        assert.equal(await scene.refresh({ userId: "ben", sessionId }), "refreshed");
        await scene.elapse(ttlMs / 3);
      }
      // Deadlines of long ago.
      await store.setBack("another server");
      await scene.elapse(ttlMs / 3);
      for (let beat = 0; beat < 6; beat++) {
        assert.equal(await scene.refresh(), "refreshed");
        assert.equal(await scene.refresh({ userId: "ben", sessionId }), "refreshed");
        await scene.elapse(ttlMs / 3);
      }
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
      assert.deepEqual(await scene.causes("ben"), ["CONNECTED"]);
    });

    lossy("takes down after the recovery who did not come back (P2)", async (scene, store) => {
      await scene.session();
      await store.failOver();
      await scene.elapse(ttlMs - 1_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
      await scene.elapse(2_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "EXPIRED"]);
    });

    lossy(
      "leaves a user's last session in grace until it has recovered, whatever the reason (P1)",
      async (scene, store) => {
        await store.flush();
        await scene.store.tick(scene.shardOf("anna"), 0);
        for (const reason of ["UNSPECIFIED", "LOGGED_OUT", "CONNECTION_LOST"] as const) {
          const connectionId = reason;
          const sessionId = await scene.session({ connectionId });
          assert.equal(await scene.unregister({ sessionId, reason }), "grace");
          const { online, devices } = await scene.user();
          assert.deepEqual([online, devices], [true, []]);
          assert.equal(await scene.refresh({ sessionId }), "missing");
          assert.equal((await scene.register({ connectionId })).kind, "ended");
        }
        await scene.elapse(ttlMs - 1_000);
        assert.deepEqual(await scene.causes(), ["CONNECTED"]);
        await scene.elapse(2_000);
        assert.deepEqual(await scene.causes(), ["CONNECTED", "CONNECTION_LOST"]);
      },
    );

    lossy("keeps who left for another device that comes back, without a change (P1)", async (scene, store) => {
      await store.copy();
      const phone = await scene.session({ connectionId: "c1" });
      const laptop = await scene.session({ connectionId: "c2", deviceId: "laptop" });
      await store.setBack("another server");
      await scene.session({ connectionId: "c1", previousSessionId: phone });
      assert.equal(await scene.unregister({ sessionId: phone }), "grace");
      await scene.elapse(ttlMs / 3);
      await scene.session({ connectionId: "c2", deviceId: "laptop", previousSessionId: laptop });
      await scene.elapse(ttlMs - 2_000);
      assert.deepEqual(await scene.devices(), ["laptop"]);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    lossy("contests what has no connection_id for two minutes (P1)", async (scene, store) => {
      await scene.session();
      await store.failOver();
      await scene.store.tick(scene.shardOf("anna"), 0);
      assert.equal(await scene.unregister(), "contested");
      await scene.session({ userId: "ben" });
      assert.equal(await scene.unregister({ userId: "ben" }), "contested");
      for (let passedMs = 0; passedMs < memoryMs; passedMs += ttlMs / 3) {
        await scene.elapse(ttlMs / 3);
        assert.equal(await scene.refresh(), "refreshed");
      }
      assert.equal(await scene.unregister(), "ended");
    });

    lossy("revives by a heartbeat without session_id what ended before (P1)", async (scene, store) => {
      await scene.session({ instanceId: "gateway-7" });
      await scene.unregister();
      await scene.session({ userId: "ben" });
      await scene.unregister({ userId: "ben", reason: "CONNECTION_LOST" });
      await scene.elapse(graceMs - 1_000);
      await store.copy();
      await scene.session();
      await scene.session({ userId: "ben" });
      await store.setBack("another server");
      assert.equal(await scene.refresh(), "refreshed");
      assert.equal((await scene.user()).devices[0]?.instanceId, "gateway-7");
      assert.equal(await scene.refresh({ userId: "ben" }), "refreshed");
      assert.deepEqual(await scene.devices("ben"), ["phone"]);
      assert.equal(await scene.unregister(), "contested");
      assert.equal((await scene.user()).online, true);
    });

    lossy("revives nothing that ended two minutes after it, or since", async (scene, store) => {
      const sessionId = await scene.session();
      await scene.session({ userId: "ben" });
      await scene.unregister({ userId: "ben" });
      await scene.session({ deviceId: "laptop", connectionId: "c1" });
      await store.failOver();
      await scene.store.tick(scene.shardOf("anna"), 0);
      assert.equal(await scene.unregister({ sessionId }), "ended");
      assert.equal(await scene.refresh(), "missing");
      await scene.elapse(memoryMs);
      assert.equal(await scene.refresh({ userId: "ben" }), "missing");
    });

    lossy(
      "a log that runs over meanwhile prolongs no recovery, and revives nobody else (P1, P2)",
      async (scene, store) => {
        const shard = scene.shardOf("anna");
        const [before, since] = scene.usersOf(shard, 2) as [string, string];
        await scene.session({ userId: before });
        await scene.unregister({ userId: before });
        await scene.session();
        await store.failOver();
        await scene.elapse(1_000);
        const sessionId = await scene.session({ userId: since });
        await scene.session({ userId: since, deviceId: "laptop", connectionId: "c1" });
        assert.equal(await scene.unregister({ userId: since, sessionId }), "ended");
        await scene.elapse(1_000);
        const { begin, recoveringMs } = await scene.store.tick(shard, 0);
        const lease = await scene.store.claim(shard, "node-1", 600_000);
        const begun = (await scene.store.beginRestating(shard, lease?.fence as number)) as number;
        const after = await scene.store.tick(shard, 0);
        assert.ok(begun > begin && after.begin === begun);
        assert.ok(after.recoveringMs > 0 && after.recoveringMs <= recoveringMs, `${after.recoveringMs} ms`);
        assert.equal(await scene.refresh({ userId: since }), "missing", "it ended after the loss");
        assert.equal(
          await scene.refresh({ userId: before }),
          "refreshed",
          "it may have come back since, and been lost",
        );
        await scene.elapse(recoveringMs);
        assert.equal((await scene.store.tick(shard, 0)).recoveringMs, 0);
      },
    );

    lossy("gives a lease anew, and lets the holder of the lost past save nothing (P4)", async (scene, store) => {
      const shard = scene.shardOf("anna");
      await scene.session();
      const before = await scene.store.claim(shard, "node-1", 60_000);
      assert.ok(before !== undefined);
      await store.copy();
      await store.setBack("another server");
      const { begin } = await scene.store.tick(shard, 0);
      assert.equal(await scene.store.advance(shard, before.fence, { kafka: begin }), false);
      const after = await scene.store.claim(shard, "node-2", 60_000);
      assert.ok(after !== undefined && after.fence > begin, `fence ${after?.fence}`);
      assert.deepEqual(after.cursors, before.cursors);
    });

    lossy("gives no lease of a shard whose loss nobody noticed yet (P4)", async (scene, store) => {
      const shard = scene.shardOf("anna");
      await store.flush();
      assert.equal(await scene.store.claim(shard, "node-1", 60_000), undefined);
      const { begin } = await scene.store.tick(shard, 0);
      const lease = await scene.store.claim(shard, "node-1", 60_000);
      assert.ok(lease !== undefined && lease.fence > begin, `fence ${lease?.fence}`);
    });

    lossy("counts users online as they are", async (scene, store) => {
      const shard = scene.shardOf("anna");
      await scene.session();
      await store.copy();
      await scene.session({ userId: scene.usersOf(shard, 2)[1] as string });
      await store.setBack("another server");
      assert.equal((await scene.store.tick(shard, 0)).usersOnline, 1);
      await store.flush();
      const { usersOnline, sessions } = await scene.store.tick(shard, 0);
      assert.deepEqual([usersOnline, sessions], [0, 0]);
    });

    lossy("gives different sessions to devices of which one gives its connection_id up (P2)", async (scene, store) => {
      await store.flush();
      const phone = await scene.session();
      const previousSessionId = await scene.session({ deviceId: "laptop", connectionId: "c1" });
      const laptop = await scene.session({ deviceId: "laptop", previousSessionId });
      assert.notEqual(laptop, phone);
      await scene.elapse(ttlMs + 1_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "EXPIRED"]);
    });

    lossy(
      "lets what is said again win against what came back, and lose against what was said since (P8)",
      async (scene, store) => {
        const say = async (text: string, setAtMs?: number) => {
          const claim = { claimId: "self", availability: "BUSY", text, emoji: "", expiresAtMs: undefined } as const;
          const said = await scene.store.setStatus("anna", { ...claim, setAtMs });
          assert(said.kind === "done", said.kind);
          return { shown: said.status.text, setAtMs: Math.floor(said.version / 1_000) };
        };
        await scene.session();
        // From here on versions are ahead of the clock.
        await store.failOver();
        const older = await say("older");
        await store.copy();
        const lost = await say("lost");
        await store.setBack("another server");
        assert.equal((await scene.user()).status?.text, "older");
        assert.equal((await say("lost", lost.setAtMs)).shown, "lost");
        const since = await say("since");
        assert.ok(older.setAtMs < lost.setAtMs && lost.setAtMs < since.setAtMs);
        assert.equal((await say("lost", lost.setAtMs)).shown, "since");
      },
    );

    lossy(
      "gives different sessions to devices that register while its begin is ahead of the clock (P2)",
      async (scene, store) => {
        await store.flush();
        const sessions = [await scene.session(), await scene.session({ deviceId: "laptop" })];
        assert.equal(new Set(sessions).size, 2);
        await scene.elapse(ttlMs - 1_000);
        assert.equal(await scene.refresh(), "refreshed");
        await scene.elapse(2_000);
        assert.deepEqual(await scene.devices(), ["phone"]);
      },
    );
  });
