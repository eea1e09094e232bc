import assert from "node:assert/strict";
import { describe } from "node:test";
import type { LeaseNotice } from "../../domain/lease-notice.ts";
import { defaultRules } from "../../domain/rules.ts";
import { tickCapMs } from "../../domain/shard-clock.ts";
import type { LeaseResult } from "../store.ts";
import { assertNear, type Scene, scene, until } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

const { leaseTtlMs, leasedTtlMs, graceMs, ttlMs } = defaultRules;
const capMs = tickCapMs(ttlMs);
/** A page of a tick, and more. */
const many = 250;

const kept = { kind: "kept", missing: false, partial: false };

/** One deadline for all sessions of a gateway process. */
export const leases = (open: OpenStore) =>
  describe("leases", () => {
    scene(
      open,
      "a session under a lease lives as long as the lease is kept, and no TTL of its own (P1)",
      async (scene) => {
        await opened(scene);
        await scene.session({ connectionId: "c1", leaseId: "L" });
        for (let passedMs = 0; passedMs < 3 * ttlMs; passedMs += 5_000) {
          await scene.elapse(5_000);
          assertKept(await scene.store.keepLease("L"));
        }
        assert.deepEqual(await scene.devices(), ["phone"]);
        assert.deepEqual(await scene.causes(), ["CONNECTED"]);
      },
    );

    scene(open, "a lease that nobody keeps takes its sessions down within a second of its TTL (P2)", async (scene) => {
      await opened(scene);
      await scene.session({ connectionId: "c1", leaseId: "L" });
      await scene.elapse(leaseTtlMs - 2_000);
      assert.equal((await scene.user()).online, true);
      await scene.elapse(3_000);
      const view = await scene.user();
      assert.equal(view.online, false);
      assertNear(
        view.lastSeenMs,
        (await scene.harness.wallMs()) - leaseTtlMs - 1_000,
        1_500,
        "last seen: the last heartbeat",
      );
      const { cause, deviceId, instanceId } = (await scene.transitions())[1] ?? assert.fail("no transition");
      assert.deepEqual([cause, deviceId, instanceId], ["INSTANCE_LOST", "phone", "gateway-1"]);
      assert.equal(missing(await scene.store.keepLease("L")), true);
    });

    scene(open, "a lease concerns nobody else's sessions, though they are of the same users (P1)", async (scene) => {
      await opened(scene);
      await opened(scene, "M");
      await scene.session({ connectionId: "c1", leaseId: "L" });
      await scene.session({ connectionId: "c2", deviceId: "laptop", leaseId: "M" });
      await scene.session({ connectionId: "c3", deviceId: "tablet" });
      await scene.elapse(leaseTtlMs - 1_000);
      assertKept(await scene.store.keepLease("M"));
      await scene.elapse(2_000);
      assert.deepEqual(await scene.devices(), ["laptop", "tablet"]);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(open, "nobody can register under a lease that is not open, and nothing changes", async (scene) => {
      const under = { connectionId: "c2", leaseId: "L" };
      assert.deepEqual(await scene.register(under), { kind: "lease-missing" });
      await opened(scene);
      await scene.session({ connectionId: "c1", leaseId: "L" });
      await scene.elapse(leaseTtlMs + 1_000);
      assert.deepEqual(await scene.register(under), { kind: "lease-missing" });
      await opened(scene);
      await scene.store.closeLease("L", "SERVER_DRAIN");
      assert.deepEqual(await scene.register(under), { kind: "lease-closed" });
      assert.deepEqual(await scene.causes(), ["CONNECTED", "INSTANCE_LOST"]);
    });

    scene(open, "to open a lease again changes nothing but its deadline", async (scene) => {
      await opened(scene);
      await scene.session({ connectionId: "c1", leaseId: "L" });
      await scene.elapse(leaseTtlMs - 2_000);
      await opened(scene);
      await scene.elapse(leaseTtlMs - 2_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
      await scene.elapse(3_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "INSTANCE_LOST"]);
    });

    scene(
      open,
      "the devices of a lost lease are listed no more before the last is down, and what is left comes back with it",
      async (scene) => {
        const userIds = scene.usersOf(0, many);
        await opened(scene);
        for (const userId of userIds) await scene.session({ userId, connectionId: `of-${userId}`, leaseId: "L" });
        await passWithout(scene, leaseTtlMs + 1_000);
        await scene.store.tick(0, 100);
        const views = await scene.store.users(userIds);
        const online = views.filter((view) => view.online).map(({ userId }) => userId);
        // One of the hundred was the lease itself.
        assert.equal(online.length, many - 99);
        assert.deepEqual(
          views.flatMap(({ devices }) => devices),
          [],
        );
        await opened(scene);
        await scene.elapse(2_000);
        const left = (await scene.store.users(userIds)).filter((view) => view.online);
        assert.deepEqual(
          left.map(({ userId }) => userId),
          online,
        );
        assert(left.every(({ devices }) => devices.length === 1));
      },
    );

    scene(
      open,
      "a lost lease with many sessions goes by pages, each of which says that there is more (P2, P6)",
      async (scene) => {
        const userIds = scene.usersOf(0, many);
        await opened(scene);
        for (const userId of userIds) await scene.session({ userId, connectionId: `of-${userId}`, leaseId: "L" });
        await passWithout(scene, leaseTtlMs + 1_000);
        const pages: number[] = [];
        for (let spent = 100; spent === 100; pages.push(spent)) spent = (await scene.store.tick(0, 100)).expired;
        // It is lost, all go, and then the lease itself.
        assert.deepEqual(pages, [100, 100, many + 2 - 200]);
        assert((await scene.store.users(userIds)).every((view) => !view.online));
        const { sessions, leased, leases } = await scene.store.tick(0, 0);
        assert.deepEqual([sessions, leased, leases], [0, 0, 0]);
      },
    );

    scene(open, "what is verified after its lease was lost comes back, with its place (P1, P7)", async (scene) => {
      await opened(scene);
      const sessionId = await scene.session({ connectionId: "c1", leaseId: "L" });
      await scene.elapse(leaseTtlMs + 1_000);
      const ref = { sessionId, leaseId: "L" };
      assert.equal(await scene.refresh(ref), "missing", "while the lease is gone");
      await opened(scene);
      assert.equal(await scene.refresh(ref), "refreshed");
      assert.deepEqual(await scene.causes(), ["CONNECTED", "INSTANCE_LOST", "CONNECTED"]);
      assert.deepEqual(
        (await scene.user()).devices.map(({ instanceId }) => instanceId),
        ["gateway-1"],
      );
      assert.deepEqual(await scene.register({ connectionId: "c1", leaseId: "L" }), {
        ...{ kind: "repeated", sessionId, version: (await scene.user()).version },
      });
      await scene.session({ connectionId: "c2" });
      assert.equal(await scene.refresh(ref), "superseded");
      assert.deepEqual(await scene.devices(), ["phone"]);
    });

    scene(open, "what ended is not brought back by a verification that comes late (P7)", async (scene) => {
      await opened(scene);
      const sessionId = await scene.session({ connectionId: "c1", leaseId: "L" });
      const ref = { sessionId, leaseId: "L" };
      assert.equal(await scene.unregister({ sessionId }), "ended");
      assert.equal(await scene.refresh(ref), "superseded");
      assert.equal((await scene.user()).online, false);
    });

    scene(open, "what would come back by another session_id is registered again by its gateway (P2)", async (scene) => {
      await opened(scene);
      const sessionId = `${Math.floor((await scene.harness.wallMs()) + 3_600_000) * 1_000}.c1`;
      assert.equal(await scene.refresh({ sessionId, leaseId: "L" }), "missing");
      const again = await scene.register({ connectionId: "c1", leaseId: "L", previousSessionId: sessionId });
      assert(again.kind === "registered" && again.sessionId !== sessionId);
      assert.equal(await scene.unregister({ sessionId: again.sessionId }), "ended");
    });

    scene(
      open,
      "a session without a lease goes under one by a verification, and by a repeated registration",
      async (scene) => {
        await opened(scene);
        const first = await scene.session({ connectionId: "c1" });
        const second = await scene.session({ connectionId: "c2", deviceId: "laptop" });
        assert.equal(await scene.refresh({ sessionId: first, leaseId: "L" }), "refreshed");
        const repeated = await scene.register({ connectionId: "c2", deviceId: "laptop", leaseId: "L" });
        assert.equal(repeated.kind === "repeated" && repeated.sessionId, second);
        await keepFor(scene, 2 * ttlMs);
        assert.deepEqual(await scene.devices(), ["laptop", "phone"]);
        await scene.elapse(leaseTtlMs + 1_000);
        assert.deepEqual(await scene.causes(), ["CONNECTED", "INSTANCE_LOST"]);
      },
    );

    scene(open, "a session under a lease goes under another one", async (scene) => {
      await opened(scene);
      await opened(scene, "M");
      const sessionId = await scene.session({ connectionId: "c1", leaseId: "L" });
      assert.equal(await scene.refresh({ sessionId, leaseId: "M" }), "refreshed");
      await keepFor(scene, leaseTtlMs + 2_000, "M");
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
      await scene.elapse(leaseTtlMs + 1_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "INSTANCE_LOST"]);
    });

    scene(
      open,
      "without lease_id, a heartbeat and a repeated registration leave the session under its lease",
      async (scene) => {
        await opened(scene);
        const sessionId = await scene.session({ connectionId: "c1", leaseId: "L" });
        assert.equal(await scene.refresh({ sessionId }), "refreshed");
        assert.equal((await scene.register({ connectionId: "c1" })).kind, "repeated");
        await scene.elapse(leaseTtlMs + 1_000);
        assert.deepEqual(await scene.causes(), ["CONNECTED", "INSTANCE_LOST"]);
      },
    );

    scene(
      open,
      "a session under a lease that is replaced, or unregistered, leaves nothing behind (P7)",
      async (scene) => {
        await opened(scene);
        const first = await scene.session({ connectionId: "c1", leaseId: "L" });
        const second = await scene.session({ connectionId: "c2", leaseId: "L" });
        assert.equal(await scene.unregister({ sessionId: first }), "fenced");
        assert.equal(await scene.unregister({ sessionId: second, reason: "LOGGED_OUT" }), "ended");
        await scene.session({ userId: "ben", connectionId: "c3", leaseId: "L" });
        await scene.session({ userId: "ben", connectionId: "c4" });
        const { sessions, leased } = await sums(scene);
        assert.deepEqual([sessions, leased], [1, 0]);
        await scene.elapse(leaseTtlMs + 1_000);
        assert.deepEqual(await scene.causes(), ["CONNECTED", "LOGGED_OUT"]);
        assert.deepEqual(await scene.causes("ben"), ["CONNECTED"]);
        assert.deepEqual((await sums(scene)).leases, 0);
      },
    );

    scene(
      open,
      "whoever holds a lease hears that a session under it was replaced, whatever by, and of nothing else",
      async (scene) => {
        await opened(scene);
        await opened(scene, "M");
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
        const first = await scene.session({ connectionId: "c1", leaseId: "L" });
        assert.equal((await scene.register({ connectionId: "c1", leaseId: "L" })).kind, "repeated");
        const second = await scene.session({ connectionId: "c2", leaseId: "M" });
        await scene.session({ connectionId: "c3" });
        const fourth = await scene.session({ connectionId: "c4", leaseId: "L" });
        assert.equal((await scene.register({ connectionId: "c2", leaseId: "M" })).kind, "superseded");
        // Nothing is told of one that moves under another lease, is in grace, or ends.
        const fifth = await scene.session({ connectionId: "c5" });
        assert.equal(await scene.refresh({ sessionId: fifth, leaseId: "M" }), "refreshed");
        assert.equal(await scene.unregister({ sessionId: fifth, reason: "CONNECTION_LOST" }), "grace");
        const sixth = await scene.session({ connectionId: "c6", leaseId: "L" });
        await scene.unregister({ sessionId: sixth });
        // One that its lease's process brings back replaces what came before it.
        const old = await scene.session({ deviceId: "laptop", connectionId: "c7", leaseId: "L" });
        const lost = `${Number.parseInt(old, 10) + 1}.c8`;
        assert.equal(await scene.refresh({ deviceId: "laptop", sessionId: lost, leaseId: "M" }), "refreshed");
        await scene.session({ deviceId: "laptop", connectionId: "c9" });
        await until(() => notices.at(-1)?.session.sessionId === lost, "the last notice");
        assert.deepEqual(
          notices.map(({ kind, leaseId, session }) => [kind, leaseId, session.deviceId, session.sessionId]),
          [
            ["superseded", "L", "phone", first],
            ["superseded", "M", "phone", second],
            ["superseded", "L", "phone", fourth],
            ["superseded", "L", "laptop", old],
            ["superseded", "M", "laptop", lost],
          ],
        );
        assert(notices.every(({ session }) => session.userId === "anna"));
        stop();
      },
    );

    scene(open, "a lost connection under a lease has its grace, and comes back under none", async (scene) => {
      await opened(scene);
      const sessionId = await scene.session({ connectionId: "c1", leaseId: "L" });
      assert.equal(await scene.unregister({ sessionId, reason: "CONNECTION_LOST" }), "grace");
      const { sessions, leased } = await sums(scene);
      assert.deepEqual([sessions, leased, await scene.devices()], [1, 0, []]);
      await scene.session({ connectionId: "c2" });
      await scene.elapse(leaseTtlMs + 1_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
      const again = await scene.session({ connectionId: "c3" });
      assert.equal(await scene.unregister({ sessionId: again, reason: "CONNECTION_LOST" }), "grace");
      await scene.elapse(graceMs + 1_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "CONNECTION_LOST"]);
    });

    scene(open, "a lease that is closed takes its sessions down at once, and stays closed (P7)", async (scene) => {
      await opened(scene);
      const sessionId = await scene.session({ connectionId: "c1", leaseId: "L" });
      await scene.store.closeLease("L", "UNSPECIFIED");
      for (const call of [scene.store.openLease("L", "gateway-1"), scene.store.keepLease("L")]) {
        assert.deepEqual(await call, { kind: "closed" });
      }
      await scene.elapse(1_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "CONNECTION_LOST"]);
      assert.deepEqual(await scene.register({ connectionId: "c1" }), { kind: "ended" });
      assert.equal(await scene.refresh({ sessionId }), "missing");
    });

    scene(open, "a drain leaves the sessions the grace to come back elsewhere, silently (P1)", async (scene) => {
      await opened(scene);
      await scene.session({ connectionId: "c1", leaseId: "L" });
      await scene.session({ userId: "ben", connectionId: "c2", leaseId: "L" });
      await scene.store.closeLease("L", "SERVER_DRAIN");
      await scene.elapse(graceMs - 2_000);
      // Sent again, it gives no more time.
      await scene.store.closeLease("L", "SERVER_DRAIN");
      assert.deepEqual([(await scene.user()).online, await scene.devices()], [true, []]);
      await scene.session({ connectionId: "c3" });
      await scene.elapse(3_000);
      assert.deepEqual(await scene.devices(), ["phone"]);
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
      assert.deepEqual(await scene.causes("ben"), ["CONNECTED", "CONNECTION_LOST"]);
    });

    scene(open, "a session that nobody verifies goes, though its lease is kept", async (scene) => {
      await opened(scene);
      await scene.session({ connectionId: "c1", leaseId: "L" });
      const verified = await scene.session({ userId: "ben", connectionId: "c2", leaseId: "L" });
      await keepFor(scene, leasedTtlMs - 10_000);
      assert.equal(await scene.refresh({ userId: "ben", sessionId: verified, leaseId: "L" }), "refreshed");
      assert.equal((await scene.user()).online, true);
      await keepFor(scene, 12_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "EXPIRED"]);
      assert.deepEqual(await scene.causes("ben"), ["CONNECTED"]);
      assertNear((await scene.user()).lastSeenMs, (await scene.harness.wallMs()) - leasedTtlMs, 3_500, "last seen");
    });

    scene(open, "no lease expires because time passed without ticks (P6)", async (scene) => {
      await opened(scene);
      await scene.session({ connectionId: "c1", leaseId: "L" });
      await scene.freeze(3_600_000);
      await scene.elapse(2_000);
      assert.equal((await scene.user()).online, true);
      assertKept(await scene.store.keepLease("L"));
    });
  });

async function opened(scene: Scene, leaseId = "L"): Promise<void> {
  assertKept(await scene.store.openLease(leaseId, "gateway-1"));
}

async function keepFor(scene: Scene, ms: number, leaseId = "L"): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= 5_000) {
    await scene.elapse(Math.min(leftMs, 5_000));
    assertKept(await scene.store.keepLease(leaseId));
  }
}

/** The clock of shard 0 moves, and nothing is taken down. */
async function passWithout(scene: Scene, ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= capMs) {
    await scene.freeze(Math.min(leftMs, capMs));
    await scene.store.tick(0, 0);
  }
}

function assertKept(result: LeaseResult): void {
  assert.deepEqual({ ...result, begins: 0 }, { ...kept, begins: 0 });
}

function missing(result: LeaseResult): boolean {
  return result.kind === "kept" && result.missing;
}

/** Over all shards. */
async function sums(scene: Scene): Promise<{ sessions: number; leased: number; leases: number }> {
  const ticks = await Promise.all(scene.shards.map((shard) => scene.store.tick(shard, 0)));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return {
    sessions: sum(ticks.map(({ sessions }) => sessions)),
    leased: sum(ticks.map(({ leased }) => leased)),
    leases: Math.max(...ticks.map(({ leases }) => leases)),
  };
}
