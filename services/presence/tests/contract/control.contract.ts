import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import type { ContractHarness } from "./contract-harness.ts";
import { Watched } from "./watched.ts";

const { TRANSITION_CAUSE_FORCED } = presence.TransitionCause;
const { LEASE_STATE_OPEN } = presence.LeaseState;
const reason = "stolen phone";

/** What operators do. */
export const control = (harness: ContractHarness) =>
  describe("control", () => {
    const invalid = (message: string | RegExp) => ({ code: "INVALID_ARGUMENT", message });

    test("CloseSessions takes a user offline, and callers are told why and for how long (P7)", async () => {
      const userId = harness.user();
      const watch = await Watched.start(harness.client, [userId]);
      const { sessionId } = await harness.register({ userId, connectionId: "c1" });
      const session = { userId, deviceId: "phone", sessionId };
      const { closed } = await harness.api.closeSessions({ userId, reason });
      assert.deepEqual(closed, [session]);
      assert.equal((await watch.update(userId, 2)).cause, TRANSITION_CAUSE_FORCED);
      const answer = await harness.api.refreshSessions({ sessions: [session] });
      assert.deepEqual(answer.superseded, [session], "for callers that know no more");
      assert.deepEqual(answer.closed, [{ session, closed: { reason, blockedFor: undefined } }]);
      await assert.rejects(harness.register({ userId, connectionId: "c1" }), {
        code: "FAILED_PRECONDITION",
        message: `user "${userId}" device "phone" was closed by an operator (${reason}): close this socket`,
      });
      await harness.register({ userId, connectionId: "c2" });

      await harness.api.closeSessions({ userId, reason, blockFor: { seconds: 600, nanos: 0 } });
      const again = { userId, deviceId: "phone", instanceId: "gateway-1", connectionId: "c3" };
      const { results } = await harness.api.registerSessions({ sessions: [again] });
      const [result] = results;
      assert.equal(result?.code, 9);
      assert.equal(result.closed?.reason, reason);
      const left = result.closed.blockedFor?.seconds ?? 0;
      assert(left > 570 && left <= 600, `${left} s are left`);
      await assert.rejects(harness.api.refreshSession(session), {
        code: "FAILED_PRECONDITION",
        message: /was closed by an operator \(stolen phone\), and may register again in \d+ s: close this socket$/,
      });
      watch.close();
    });

    test("CloseSessions says which field is wrong, and its limit", async () => {
      const userId = harness.user();
      const close = (request: Parameters<typeof harness.api.closeSessions>[0]) =>
        harness.api.closeSessions({ userId, reason, ...request });
      await assert.rejects(close({ userId: "" }), invalid(/^user_id is empty/));
      await assert.rejects(close({ reason: "" }), invalid("reason is empty: send 1 to 100 bytes"));
      await assert.rejects(close({ reason: "x".repeat(101) }), invalid(/^reason has 101 bytes, limit 100/));
      await assert.rejects(close({ deviceId: "a\nb" }), invalid(/^device_id/));
      for (const seconds of [0, 2_592_001]) {
        const message = `block_for is ${seconds} s: send 1 to 2592000 s, or leave it out`;
        await assert.rejects(close({ blockFor: { seconds, nanos: 0 } }), invalid(message));
      }
    });

    test("ListSessions lists a user's, or a gateway's, in pages", async () => {
      const userId = harness.user();
      const instanceId = `of-${userId}`;
      const { sessionId } = await harness.register({ userId, instanceId, connectionId: "c1" });
      await harness.register({ userId, instanceId, deviceId: "tablet" });
      const first = await harness.api.listSessions({ userId, pageSize: 1 });
      const [session] = first.sessions;
      assert(session?.connectedAt !== undefined && first.sessions.length === 1);
      const { connectedAt: _, ...shown } = session;
      assert.deepEqual(shown, { userId, deviceId: "phone", sessionId, instanceId, leaseId: "" });
      const second = await harness.api.listSessions({ userId, pageSize: 1, pageToken: first.nextPageToken });
      assert.deepEqual([second.sessions[0]?.deviceId, second.nextPageToken], ["tablet", ""]);

      const found: string[] = [];
      for (let pageToken = "", isFirst = true; isFirst || pageToken !== ""; isFirst = false) {
        const page = await harness.api.listSessions({ instanceId, pageToken });
        found.push(...page.sessions.map(({ deviceId }) => deviceId));
        pageToken = page.nextPageToken;
      }
      assert.deepEqual(found.sort(), ["phone", "tablet"]);

      await assert.rejects(harness.api.listSessions({}), invalid("user_id and instance_id: send one of the two"));
      await assert.rejects(harness.api.listSessions({ userId, pageSize: 1_001 }), invalid(/^page_size is 1001/));
      for (const pageToken of ["made up", first.nextPageToken]) {
        await assert.rejects(harness.api.listSessions({ instanceId, pageToken }), invalid(/^page_token/));
      }
    });

    test("ListLeases lists who holds which lease, since when, with how many sessions", async () => {
      const userId = harness.user();
      for (const leaseId of ["lease-1", "lease-2"]) await harness.api.openLease({ leaseId, instanceId: "gateway-1" });
      await harness.register({ userId, connectionId: "c1", leaseId: "lease-2" });
      const { leases, nextPageToken } = await harness.api.listLeases({ pageSize: 1 });
      assert.deepEqual(
        leases.map(({ leaseId }) => leaseId),
        ["lease-1"],
      );
      const rest = await harness.api.listLeases({ pageToken: nextPageToken });
      assert.equal(rest.nextPageToken, "");
      const [{ openedAt, ...lease } = assert.fail("no lease")] = rest.leases;
      assert.notEqual(openedAt, undefined);
      const shown = { leaseId: "lease-2", instanceId: "gateway-1", state: LEASE_STATE_OPEN, sessions: 1 };
      assert.deepEqual(lease, shown);
    });
  });
