import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import { Stage, type StartNodes } from "./stage.ts";
import { Watched } from "./watched.ts";

const { DISCONNECT_REASON_CONNECTION_LOST, DISCONNECT_REASON_SERVER_DRAIN } = presence.DisconnectReason;
const { TRANSITION_CAUSE_CONNECTION_LOST } = presence.TransitionCause;

export const grace = (start: StartNodes) =>
  describe("grace", () => {
    const stage = Stage.set(start, { SESSION_TTL: "60s", OFFLINE_GRACE: "3s" });

    test("a page reload does not flicker: lost and back within the grace, nothing is told", async () => {
      const userId = stage.user();
      const watch = await Watched.start(stage.client, [userId]);
      const { sessionId, version } = await stage.register({ userId, connectionId: "page-1" });
      await stage.api.unregisterSession({
        userId,
        deviceId: "phone",
        sessionId,
        reason: DISCONNECT_REASON_CONNECTION_LOST,
      });
      const between = await stage.presenceOf(userId);
      assert.deepEqual([between.online, between.deviceIds, between.version], [true, [], version]);
      const back = await stage.register({ userId, connectionId: "page-2" });
      assert.equal(back.version, version);
      // Another user's grace, lost later, has run out: so would have his.
      const other = stage.user("other");
      const watchOther = await Watched.start(stage.client, [other]);
      await stage.register({ userId: other });
      await stage.api.unregisterSession({
        userId: other,
        deviceId: "phone",
        reason: DISCONNECT_REASON_SERVER_DRAIN,
      });
      assert.equal((await watchOther.update(other, 2)).cause, TRANSITION_CAUSE_CONNECTION_LOST);
      assert.deepEqual(watch.changesOf(userId), [`+${version}`]);
      assert.deepEqual((await stage.presenceOf(userId)).deviceIds, ["phone"]);
      watch.close();
      watchOther.close();
    });

    test("when nobody comes back the user leaves, last seen when the connection was lost", async () => {
      const userId = stage.user();
      const watch = await Watched.start(stage.client, [userId]);
      const { sessionId } = await stage.register({ userId });
      const lost = { userId, deviceId: "phone", sessionId, reason: DISCONNECT_REASON_CONNECTION_LOST };
      await stage.api.unregisterSession(lost);
      await assert.rejects(stage.api.refreshSession(lost), { code: "NOT_FOUND" });
      const { cause, lastSeenAt, occurredAt } = await watch.update(userId, 2);
      assert.equal(cause, TRANSITION_CAUSE_CONNECTION_LOST);
      assert(lastSeenAt !== undefined && lastSeenAt.seconds <= occurredAt);
      assert.deepEqual((await stage.presenceOf(userId)).lastSeenAt, lastSeenAt);
      watch.close();
    });
  });
