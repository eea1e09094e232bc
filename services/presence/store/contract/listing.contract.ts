import assert from "node:assert/strict";
import { describe } from "node:test";
import type { SessionView } from "../store.ts";
import { assertNear, type Scene, scene } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

/** What operators see. */
export const listing = (open: OpenStore) =>
  describe("listing", () => {
    scene(open, "the live sessions of a user are listed with their leases, also of one that is lost", async (scene) => {
      assert.deepEqual(await scene.store.sessionsOf("anna"), []);
      await scene.store.openLease("L", "gateway-1");
      const phone = await scene.session({ connectionId: "c1", leaseId: "L" });
      const laptop = await scene.session({ deviceId: "laptop", instanceId: "gateway-2" });
      const tablet = await scene.session({ deviceId: "tablet", connectionId: "c2" });
      await scene.unregister({ deviceId: "tablet", sessionId: tablet, reason: "CONNECTION_LOST" });
      await scene.store.closeLease("L", "SERVER_DRAIN");
      const sessions = await scene.store.sessionsOf("anna");
      for (const { connectedAtMs } of sessions) {
        assertNear(connectedAtMs, await scene.harness.wallMs(), 60_000, "connected at");
      }
      assert.deepEqual(sessions.map(untimed), [
        { userId: "anna", deviceId: "laptop", sessionId: laptop, instanceId: "gateway-2", leaseId: undefined },
        { userId: "anna", deviceId: "phone", sessionId: phone, instanceId: "gateway-1", leaseId: "L" },
      ]);
    });

    scene(
      open,
      "all sessions of a gateway are listed, under its leases and under none, and nobody else's",
      async (scene) => {
        for (const leaseId of ["L", "M"]) await scene.store.openLease(leaseId, "gateway-1");
        await scene.store.openLease("N", "gateway-2");
        const userIds = [...scene.usersOf(0, 150), ...scene.usersOf(scene.shards.length - 1, 150)];
        const wanted = new Set<string>();
        for (const [index, userId] of [...new Set(userIds)].entries()) {
          const leaseId = ["L", "M", "N", ""][index % 4] as string;
          const instanceId = leaseId === "N" ? "gateway-2" : "gateway-1";
          const sessionId = await scene.session({ userId, instanceId, connectionId: `c${index}`, leaseId });
          if (instanceId === "gateway-1") wanted.add(sessionId);
        }
        const found = await walk(scene, "gateway-1");
        assert.deepEqual(new Set(found.map(({ sessionId }) => sessionId)), wanted);
        assert(found.every(({ instanceId }) => instanceId === "gateway-1"));
        assert.deepEqual(await walk(scene, "gateway-3"), []);
        const wrong = { code: "INVALID_ARGUMENT", message: /^page_token/ };
        await assert.rejects(scene.store.sessionsAt("gateway-1", "of another store", 10), wrong);
      },
    );

    scene(open, "leases are listed by id, with who holds them, since when, and how many sessions", async (scene) => {
      assert.deepEqual(await scene.store.leasesAfter("", 10), []);
      const openedAtMs = await scene.harness.wallMs();
      for (const leaseId of ["b", "a", "c"]) await scene.store.openLease(leaseId, `gateway-of-${leaseId}`);
      for (const [index, userId] of scene.usersOf(0, 3).entries()) {
        await scene.session({ userId, connectionId: `c${index}`, leaseId: "a" });
      }
      await scene.elapse(10_000);
      for (const leaseId of ["a", "c"]) await scene.store.openLease(leaseId, `gateway-of-${leaseId}`);
      await scene.store.closeLease("c", "SERVER_DRAIN");
      const leases = await scene.store.leasesAfter("", 10);
      for (const lease of leases) assertNear(lease.openedAtMs, openedAtMs, 5_000, "opened at, for the first time");
      const shown = leases.map(({ leaseId, instanceId, state, sessions }) => [leaseId, instanceId, state, sessions]);
      assert.deepEqual(shown, [
        ["a", "gateway-of-a", "open", 3],
        ["b", "gateway-of-b", "open", 0],
        ["c", "gateway-of-c", "closed", 0],
      ]);
      assert.deepEqual(
        (await scene.store.leasesAfter("a", 1)).map(({ leaseId }) => leaseId),
        ["b"],
      );
    });
  });

async function walk(scene: Scene, instanceId: string): Promise<SessionView[]> {
  const sessions: SessionView[] = [];
  let cursor = "";
  do {
    const page = await scene.store.sessionsAt(instanceId, cursor, 50);
    sessions.push(...page.sessions);
    cursor = page.cursor;
  } while (cursor !== "");
  return sessions;
}

function untimed({ connectedAtMs: _, ...session }: SessionView): Omit<SessionView, "connectedAtMs"> {
  return session;
}
