import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import { ContractHarness, type StartNodes } from "./contract-harness.ts";
import { Watched } from "./watched.ts";

const { DISCONNECT_REASON_CONNECTION_LOST, DISCONNECT_REASON_SERVER_DRAIN } = presence.DisconnectReason;
const { TRANSITION_CAUSE_CONNECTION_LOST } = presence.TransitionCause;

export const grace = (start: StartNodes) =>
  describe("grace", () => {
    const harness = ContractHarness.start(start, { SESSION_TTL: "60s", OFFLINE_GRACE: "3s" });

    test("a page reload does not flicker: lost and back within the grace, nothing is told", async () => {
      const userId = harness.user();
      const watch = await Watched.start(harness.client, [userId]);
      const { sessionId, version } = await harness.register({ userId, connectionId: "page-1" });
      await harness.api.unregisterSession({
        userId,
        deviceId: "phone",
        sessionId,
        reason: DISCONNECT_REASON_CONNECTION_LOST,
      });
      const between = await harness.presenceOf(userId);
      assert.deepEqual([between.online, between.deviceIds, between.version], [true, [], version]);
      const back = await harness.register({ userId, connectionId: "page-2" });
      assert.equal(back.version, version);
      // Another user's grace, lost later, has run out: so would have his.
      const other = harness.user("other");
      const watchOther = await Watched.start(harness.client, [other]);
      await harness.register({ userId: other });
      await harness.api.unregisterSession({
        userId: other,
        deviceId: "phone",
        reason: DISCONNECT_REASON_SERVER_DRAIN,
      });
      assert.equal((await watchOther.update(other, 2)).cause, TRANSITION_CAUSE_CONNECTION_LOST);
      assert.deepEqual(watch.changesOf(userId), [`+${version}`]);
      assert.deepEqual((await harness.presenceOf(userId)).deviceIds, ["phone"]);
      watch.close();
      watchOther.close();
    });

    test("when nobody comes back the user leaves, last seen when the connection was lost", async () => {
      const userId = harness.user();
      const watch = await Watched.start(harness.client, [userId]);
      const { sessionId } = await harness.register({ userId });
      const lost = { userId, deviceId: "phone", sessionId, reason: DISCONNECT_REASON_CONNECTION_LOST };
      await harness.api.unregisterSession(lost);
      await assert.rejects(harness.api.refreshSession(lost), { code: "NOT_FOUND" });
      const { cause, lastSeenAt, occurredAt } = await watch.update(userId, 2);
      assert.equal(cause, TRANSITION_CAUSE_CONNECTION_LOST);
      assert(lastSeenAt !== undefined && lastSeenAt.seconds <= occurredAt);
      assert.deepEqual((await harness.presenceOf(userId)).lastSeenAt, lastSeenAt);
      watch.close();
    });
  });
