import assert from "node:assert/strict";
import { describe } from "node:test";
import { type Closing, closedMemoryMs } from "../../domain/block.ts";
import type { LeaseNotice } from "../../domain/lease-notice.ts";
import { defaultRules } from "../../domain/rules.ts";
import type { CloseResult, RefreshResult } from "../store.ts";
import { type Scene, scene, until } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

const { ttlMs, memoryMs } = defaultRules;
const reason = "stolen phone";
const blockMs = 60_000;

/** What operators end, and keep away. */
export const closing = (open: OpenStore) =>
  describe("closing", () => {
    scene(open, "a user who is closed goes offline at once, by all devices and for one reason", async (scene) => {
      const phone = await scene.session({ connectionId: "c1" });
      const laptop = await scene.session({ deviceId: "laptop" });
      const sessionId = await scene.session({ deviceId: "tablet", connectionId: "c3" });
      await scene.unregister({ deviceId: "tablet", sessionId, reason: "CONNECTION_LOST" });
      await scene.session({ userId: "ben", connectionId: "c4" });
      const ended = closedOf(await close(scene)).map(({ deviceId, sessionId }) => [deviceId, sessionId]);
      assert.deepEqual(ended.sort().slice(0, 2), [
        ["laptop", laptop],
        ["phone", phone],
      ]);
      assert.equal(ended.length, 3, "the one in grace, too");
      assert.deepEqual(await scene.causes(), ["CONNECTED", "FORCED"]);
      assert.deepEqual(await scene.causes("ben"), ["CONNECTED"]);
      const { sessions } = await scene.store.tick(scene.shardOf("anna"), 0);
      const ofBen = scene.shardOf("ben") === scene.shardOf("anna") ? 1 : 0;
      assert.equal(sessions, ofBen, "nothing is left to fall due");
      assert.deepEqual(closedOf(await close(scene)), [], "sent again, it ends nothing more");
    });

    scene(open, "a device, or a session, is closed alone, and only if it is the device's (P1, P7)", async (scene) => {
      const first = await scene.session({ connectionId: "c1" });
      const second = await scene.session({ connectionId: "c2" });
      const laptop = await scene.session({ deviceId: "laptop", connectionId: "c3" });
      assert.deepEqual(closedOf(await close(scene, { sessionId: first, blockMs })), [], "it was replaced");
      assert.deepEqual(await scene.devices(), ["laptop", "phone"]);
      const ref = { userId: "anna", deviceId: "phone", sessionId: second };
      assert.deepEqual(closedOf(await close(scene, { sessionId: second })), [ref]);
      assert.deepEqual(await scene.devices(), ["laptop"]);
      assert.deepEqual(closedOf(await close(scene, { deviceId: "tablet" })), []);
      assert.deepEqual(closedOf(await close(scene, { deviceId: "laptop" })), [
        { userId: "anna", deviceId: "laptop", sessionId: laptop },
      ]);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "FORCED"]);
    });

    scene(
      open,
      "a caller without tokens may say as late as it hears of the block that it has ended (P1)",
      async (scene) => {
        await scene.session();
        await close(scene, { blockMs: 2 * memoryMs });
        for (let passedMs = 0; passedMs < 2 * memoryMs; passedMs += 30_000) {
          assert.equal(await scene.refresh(), "closed");
          await scene.elapse(30_000);
        }
        await scene.session({ instanceId: "gateway-2" });
        assert.equal(await scene.unregister(), "contested");
        assert.deepEqual(await scene.devices(), ["phone"]);
      },
    );

    scene(
      open,
      "a connection that was closed stays closed, whatever comes late; its device may connect",
      async (scene) => {
        assert.equal((await scene.store.openLease("L", "gateway-1")).kind, "kept");
        const plain = await scene.session({ connectionId: "c1" });
        const leased = await scene.session({ deviceId: "laptop", connectionId: "c2", leaseId: "L" });
        await close(scene);
        const closed = { kind: "closed", reason, leftMs: undefined };
        const comesBack = async () => {
          for (const call of [{}, { previousSessionId: plain }]) {
            assert.deepEqual(await scene.register({ connectionId: "c1", ...call }), closed);
          }
          assert.deepEqual(await scene.register({ deviceId: "laptop", connectionId: "c2", leaseId: "L" }), closed);
          assert.deepEqual(await heartbeat(scene, { sessionId: plain }), closed);
          assert.deepEqual(await heartbeat(scene, { deviceId: "laptop", sessionId: leased, leaseId: "L" }), closed);
          assert.deepEqual(await heartbeat(scene, { deviceId: "laptop", sessionId: leased }), closed);
        };
        await comesBack();
        await scene.session({ connectionId: "c3" });
        await comesBack();
        assert.deepEqual(await scene.devices(), ["phone"]);
        assert.deepEqual(await scene.causes(), ["CONNECTED", "FORCED", "CONNECTED"]);
      },
    );

    scene(open, "the process that holds the lease of a session is told that it was closed", async (scene) => {
      for (const leaseId of ["L", "M"]) await scene.store.openLease(leaseId, "gateway-1");
      const phone = await scene.session({ connectionId: "c1", leaseId: "L" });
      await scene.session({ deviceId: "laptop", connectionId: "c2" });
      const tablet = await scene.session({ deviceId: "tablet", connectionId: "c3", leaseId: "M" });
      const notices: LeaseNotice[] = [];
      let isListening = false;
      const stop = scene.store.follow(scene.shardOf("anna"), {
        entry: () => {},
        interrupted: () => {
          isListening = true;
        },
        leaseNotice: (notice) => notices.push(notice),
      });
      await until(() => isListening, "it listens");
      await close(scene, { deviceId: "phone" });
      await close(scene, { blockMs });
      await until(() => notices.length === 2, "both notices");
      const ofAnna = { userId: "anna", deviceId: "phone", sessionId: phone };
      const forGood = { reason, leftMs: undefined };
      assert.deepEqual(notices, [
        { kind: "closed", leaseId: "L", session: ofAnna, refusal: forGood },
        {
          ...{ kind: "closed", leaseId: "M", session: { userId: "anna", deviceId: "tablet", sessionId: tablet } },
          refusal: { reason, leftMs: blockMs },
        },
      ]);
      stop();
    });

    scene(open, "nothing of a user who is blocked can register until the block is over", async (scene) => {
      const sessionId = await scene.session();
      await close(scene, { blockMs });
      for (const deviceId of ["phone", "laptop"]) {
        assertBlocked(await scene.register({ deviceId, connectionId: `of-${deviceId}` }));
        assertBlocked(await scene.register({ deviceId }));
        assertBlocked(await heartbeat(scene, { deviceId }));
      }
      assertBlocked(await scene.register({ previousSessionId: sessionId }));
      assertBlocked(await heartbeat(scene, { sessionId }));
      await scene.session({ userId: "ben", connectionId: "c1" });
      await scene.elapse(blockMs - 2_000);
      assertBlocked(await scene.register({ connectionId: "c2" }), 2_000);
      await scene.elapse(3_000);
      await scene.session({ connectionId: "c2" });
      assert.deepEqual(await scene.causes(), ["CONNECTED", "FORCED", "CONNECTED"]);
    });

    scene(open, "who was never there can be blocked", async (scene) => {
      assert.deepEqual(closedOf(await close(scene, { blockMs })), []);
      assertBlocked(await scene.register({ connectionId: "c1" }));
      assertBlocked(await heartbeat(scene, {}));
      assert.deepEqual(await scene.transitions(), []);
    });

    scene(open, "a device that is blocked, by itself or by its session, blocks no other", async (scene) => {
      await scene.session({ connectionId: "c1" });
      const laptop = await scene.session({ deviceId: "laptop", connectionId: "c2" });
      const tablet = await scene.session({ deviceId: "tablet", connectionId: "c3" });
      await close(scene, { deviceId: "phone", blockMs });
      await close(scene, { sessionId: laptop, blockMs });
      assertBlocked(await scene.register({ connectionId: "c4" }));
      assertBlocked(await scene.register({ deviceId: "laptop", connectionId: "c5" }));
      assert.equal(await scene.refresh({ deviceId: "tablet", sessionId: tablet }), "refreshed");
      await scene.session({ deviceId: "watch", connectionId: "c6" });
      assert.deepEqual(await scene.devices(), ["tablet", "watch"]);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(open, "the last call says how long a block lasts: a short one lifts it", async (scene) => {
      await close(scene, { blockMs: 3_600_000 });
      await close(scene, {});
      assertBlocked(await scene.register({ connectionId: "c1" }), 3_600_000);
      await close(scene, { blockMs: 1_000, reason: "found" });
      await scene.elapse(2_000);
      await scene.session({ connectionId: "c1" });
    });

    scene(
      open,
      "no block is over because time passed without ticks (P6), and what is over is forgotten",
      async (scene) => {
        await scene.session({ connectionId: "c1" });
        await close(scene);
        await close(scene, { blockMs });
        const blocks = async () => (await scene.store.tick(scene.shardOf("anna"), 0)).blocks;
        assert.equal(await blocks(), 2);
        await scene.freeze(3_600_000);
        await scene.elapse(2_000);
        assertBlocked(await scene.register({ connectionId: "c2" }), blockMs - 2_000);
        await scene.elapse(blockMs);
        assert.equal(await blocks(), 1, "of the connection, of which its gateway may not have heard yet");
        await scene.elapse(closedMemoryMs(defaultRules));
        assert.equal(await blocks(), 0);
      },
    );

    scene(
      open,
      "a shard that remembers as many blocks as it may closes nothing, until some are over",
      async (scene) => {
        await scene.session({ connectionId: "c1" });
        const [one, other] = scene.usersOf(scene.shardOf("anna"), 2) as [string, string];
        for (const userId of [one, other]) await close(scene, { userId, blockMs });
        assert.deepEqual(await close(scene), { kind: "too-many-blocks" });
        assert.deepEqual(await scene.devices(), ["phone"]);
        await scene.elapse(blockMs - ttlMs / 2);
        assert.equal((await scene.register({ connectionId: "c1" })).kind, "repeated");
        await scene.elapse(ttlMs / 2 + 1_000);
        assert.equal(closedOf(await close(scene)).length, 1);
      },
      { rules: { ...defaultRules, shardMaxBlocks: 2 } },
    );
  });

/** Anna, unless it says somebody else, by everything that she has. */
function close(scene: Scene, what: Partial<Closing> = {}): Promise<CloseResult> {
  const all = { userId: "anna", deviceId: "", sessionId: "", reason, blockMs: undefined };
  return scene.store.closeSessions({ ...all, ...what });
}

function closedOf(result: CloseResult) {
  assert(result.kind === "closed");
  return result.sessions;
}

/** @param leftMs of the block, or a little less */
function assertBlocked(result: { readonly kind: string }, leftMs = blockMs): void {
  assert(result.kind === "closed" && "leftMs" in result && "reason" in result, `it is ${result.kind}, not closed`);
  assert.equal(result.reason, reason);
  const left = Number(result.leftMs);
  assert(left > leftMs - 2_500 && left <= leftMs, `${left} ms are left of a block of ${leftMs}`);
}

function heartbeat(scene: Scene, session: { deviceId?: string; sessionId?: string; leaseId?: string }) {
  const anna = { userId: "anna", deviceId: "phone", sessionId: "", ...session };
  return new Promise<RefreshResult>((resolve) => scene.store.refresh(anna, resolve, 0));
}
