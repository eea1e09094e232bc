import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import { systemClock } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import { ContractHarness, type StartNodes } from "./contract-harness.ts";
import { Watched } from "./watched.ts";

const { DISCONNECT_REASON_SERVER_DRAIN } = presence.DisconnectReason;
const { TRANSITION_CAUSE_CONNECTION_LOST, TRANSITION_CAUSE_INSTANCE_LOST } = presence.TransitionCause;
const env = { LEASE_TTL: "7100ms", LEASE_HEARTBEAT_INTERVAL: "100ms", OFFLINE_GRACE: "1s" };

/** One heartbeat for all sessions of a gateway. */
export const leases = (start: StartNodes) =>
  describe("leases", () => {
    const harness = ContractHarness.start(start, env);
    const open = (leaseId: string) => harness.api.openLease({ leaseId, instanceId: "gateway-1" });

    test("OpenLease says how to keep a lease, and Register under it how to verify the session", async () => {
      const { begins, ...opened } = await open("paced");
      assert.deepEqual(opened, {
        ttl: { seconds: 7, nanos: 100_000_000 },
        heartbeatInterval: { seconds: 0, nanos: 100_000_000 },
        verifyInterval: { seconds: 300, nanos: 0 },
        partial: false,
      });
      const kept = await harness.api.keepLease({ leaseId: "paced" });
      assert.deepEqual(kept, { heartbeatInterval: opened.heartbeatInterval, begins, missing: false, partial: false });
      const registered = await harness.register({ userId: harness.user(), connectionId: "c1", leaseId: "paced" });
      assert.deepEqual(registered.ttl, { seconds: 900, nanos: 0 });
      assert.deepEqual(registered.heartbeatInterval, { seconds: 300, nanos: 0 });
    });

    test("a gateway that is gone takes its users offline with its lease, and they come back with it (P1, P2)", async () => {
      const [lost, other] = [harness.user("lost"), harness.user("other")];
      const watch = await Watched.start(harness.client, [lost, other]);
      await open("lost");
      const { sessionId } = await harness.register({ userId: lost, connectionId: "c1", leaseId: "lost" });
      await harness.register({ userId: other });
      const { cause, instanceId } = await watch.update(lost, 2);
      assert.deepEqual([cause, instanceId], [TRANSITION_CAUSE_INSTANCE_LOST, "gateway-1"]);
      assert.equal(await harness.isOnline(other), true);
      assert.equal((await harness.api.keepLease({ leaseId: "lost" })).missing, true);
      const session = { userId: lost, deviceId: "phone", sessionId };
      const verify = () => harness.api.refreshSessions({ sessions: [session], leaseId: "lost" });
      assert.deepEqual((await verify()).missing, [session]);
      await assert.rejects(harness.register({ userId: lost, connectionId: "c1", leaseId: "lost" }), {
        code: "NOT_FOUND",
        message: `lease "lost" is not open for user "${lost}" device "phone": open it, then register again`,
      });
      await open("lost");
      const { missing, superseded, heartbeatInterval } = await verify();
      assert.deepEqual([missing, superseded, heartbeatInterval], [[], [], { seconds: 300, nanos: 0 }]);
      assert.equal(await harness.isOnline(lost), true);
      watch.close();
    });

    test("CloseLease ends all its sessions after the grace, in one call, for good", async () => {
      const userIds = [harness.user(), harness.user()];
      const watch = await Watched.start(harness.client, userIds);
      await open("drained");
      for (const userId of userIds) await harness.register({ userId, connectionId: "c1", leaseId: "drained" });
      await harness.api.closeLease({ leaseId: "drained", reason: DISCONNECT_REASON_SERVER_DRAIN });
      const closed = { code: "FAILED_PRECONDITION", message: /^lease "drained" was closed by its process/ };
      await assert.rejects(open("drained"), closed);
      await assert.rejects(harness.api.keepLease({ leaseId: "drained" }), closed);
      for (const userId of userIds) {
        assert.equal((await watch.update(userId, 2)).cause, TRANSITION_CAUSE_CONNECTION_LOST);
        await assert.rejects(harness.register({ userId, connectionId: "c1" }), { code: "FAILED_PRECONDITION" });
      }
      await harness.api.closeLease({ leaseId: "never-opened" });
      watch.close();
    });

    test("a socket that was replaced on another gateway is told of in a moment, whatever the nodes", async () => {
      await open("old");
      await open("new");
      const told: { notice: presence.LeaseNotice; atMs: number }[] = [];
      const answers = harness.api.watchLease({ leaseId: "old" });
      const reading = (async () => {
        for await (const notice of answers) told.push({ notice, atMs: systemClock.monotonicMs() });
      })().catch(() => {});
      const replace = async () => {
        const userId = harness.user();
        const { sessionId } = await harness.register({ userId, connectionId: "c1", leaseId: "old" });
        await harness.register({ userId, connectionId: "c2", leaseId: "new", instanceId: "gateway-2" });
        const replacedAtMs = systemClock.monotonicMs();
        return { superseded: [{ userId, deviceId: "phone", sessionId }], replacedAtMs };
      };
      // When the stream has begun, nobody says.
      await waitUntil(async () => (await replace()) && told.length > 0, { what: "a notice" });
      const tookMs: number[] = [];
      for (let round = 0; round < 6; round++) {
        const { superseded, replacedAtMs } = await replace();
        const isTold = () => told.find(({ notice }) => notice.superseded[0]?.userId === superseded[0]?.userId);
        const itsNotice = await waitUntil(isTold, { what: "the notice of what was replaced" });
        assert.deepEqual(itsNotice?.notice, {
          ...{ superseded, closed: [], closeReason: "", blockedFor: undefined, verify: false },
        });
        tookMs.push(itsNotice.atMs - replacedAtMs);
      }
      // A busy machine may be late some times, and not each time.
      assert(Math.min(...tookMs) < 100, `it took ${tookMs} ms`);
      answers.cancel();
      await reading;
    });

    test("a lease needs an id, and only sessions with a connection_id can be under one", async () => {
      const userId = harness.user();
      const invalid = (message: RegExp) => ({ code: "INVALID_ARGUMENT", message });
      await assert.rejects(open(""), invalid(/^lease_id/));
      await assert.rejects(harness.api.openLease({ leaseId: "l" }), invalid(/^instance_id/));
      await assert.rejects(harness.api.keepLease({ leaseId: "a\0b" }), invalid(/^lease_id/));
      await assert.rejects(harness.api.closeLease({}), invalid(/^lease_id/));
      await assert.rejects(harness.api.watchLease({})[Symbol.asyncIterator]().next(), invalid(/^lease_id/));
      await assert.rejects(harness.register({ userId, leaseId: "l" }), invalid(/connection_id is empty/));
      const { sessionId } = await harness.register({ userId });
      const sessions = [{ userId, deviceId: "phone", sessionId }];
      await assert.rejects(
        harness.api.refreshSessions({ sessions, leaseId: "l" }),
        invalid(/^sessions\[0\]\.session_id/),
      );
    });
  });

/** Where the node's settings leave no time for what leases need. */
export const withoutLeases = (start: StartNodes) =>
  describe("a node without leases", () => {
    const harness = ContractHarness.start(start, { LAST_SEEN_RETENTION: "10m" });

    test("says UNIMPLEMENTED, and why", async () => {
      await assert.rejects(harness.api.openLease({ leaseId: "l", instanceId: "g" }), {
        code: "UNIMPLEMENTED",
        message: "no leases here: they need a LAST_SEEN_RETENTION of at least 16m, it is 10m",
      });
    });
  });
