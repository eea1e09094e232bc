import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import { systemClock } from "@realchat/presence-runtime/clock";
import { ContractHarness, type StartNodes } from "./contract-harness.ts";

const { DISCONNECT_REASON_CONNECTION_LOST } = presence.DisconnectReason;
const twentySeconds = { seconds: 20, nanos: 0 };

export const sessions = (start: StartNodes) =>
  describe("sessions", () => {
    const harness = ContractHarness.start(start, { SESSION_TTL: "60s", USER_MAX_DEVICES: "3" });

    test("Register answers a session_id, the ttl, the pace of heartbeats and the user's version (P3)", async () => {
      const userId = harness.user();
      const registered = await harness.register({ userId });
      assert.match(registered.sessionId, /^[0-9]{16}$/);
      assert.deepEqual(registered.ttl, { seconds: 60, nanos: 0 });
      assert.deepEqual(registered.heartbeatInterval, twentySeconds);
      const { online, version } = await harness.presenceOf(userId);
      assert.deepEqual({ online, version }, { online: true, version: registered.version });
    });

    test("a second device changes neither the user's version nor the first device's session", async () => {
      const userId = harness.user();
      const first = await harness.register({ userId });
      const second = await harness.register({ userId, deviceId: "laptop" });
      assert.equal(second.version, first.version);
      await harness.api.refreshSession({ userId, deviceId: "phone", sessionId: first.sessionId });
      assert.deepEqual((await harness.presenceOf(userId)).deviceIds, ["laptop", "phone"]);
    });

    test("Register repeated with its connection_id returns the session it already has", async () => {
      const userId = harness.user();
      const first = await harness.register({ userId, connectionId: "socket-1" });
      assert.match(first.sessionId, /^[0-9]{16}\.socket-1$/);
      assert.deepEqual(await harness.register({ userId, connectionId: "socket-1" }), first);
    });

    test("a connection that ended or was replaced cannot register again (P7)", async () => {
      const userId = harness.user();
      const first = await harness.register({ userId, connectionId: "socket-1" });
      const second = await harness.register({ userId, connectionId: "socket-2" });
      await assert.rejects(harness.register({ userId, connectionId: "socket-1" }), {
        code: "FAILED_PRECONDITION",
        message: `user "${userId}" device "phone" was registered by a newer connection: close this socket`,
      });
      await assert.rejects(harness.register({ userId, connectionId: "socket-1", previousSessionId: first.sessionId }), {
        code: "FAILED_PRECONDITION",
      });
      await harness.api.unregisterSession({ userId, deviceId: "phone", sessionId: second.sessionId });
      await assert.rejects(harness.register({ userId, connectionId: "socket-2" }), {
        code: "FAILED_PRECONDITION",
        message: /^connection socket-2 of user ".*" device "phone" has ended: open a new connection/,
      });
      assert.equal(await harness.isOnline(userId), false);
    });

    test("a registration that waited yields to a connection that came after its client (P7)", async () => {
      const userId = harness.user();
      const living = await harness.register({ userId, connectionId: "socket-2" });
      const age = { seconds: 5, nanos: 500_000_000 };
      await assert.rejects(harness.register({ userId, connectionId: "socket-1", age }), {
        code: "FAILED_PRECONDITION",
      });
      await harness.api.refreshSession({ userId, deviceId: "phone", sessionId: living.sessionId });
      const alone = await harness.register({ userId, deviceId: "laptop", connectionId: "socket-3", age });
      assert.ok(alone.sessionId < living.sessionId, "its order is that of when it came");
    });

    test("a session that comes back with previous_session_id keeps its place in the order (P7)", async () => {
      const userId = harness.user();
      // Of before this store's time, as after a loss.
      const previousSessionId = "1700000000000000.socket-1";
      const { sessionId } = await harness.register({ userId, connectionId: "socket-1", previousSessionId });
      assert.equal(sessionId, previousSessionId);
      await harness.register({ userId, connectionId: "socket-2" });
      await assert.rejects(harness.register({ userId, connectionId: "socket-3", previousSessionId }), {
        code: "FAILED_PRECONDITION",
      });
    });

    test("a replaced session can neither refresh nor end its successor (P7)", async () => {
      const userId = harness.user();
      const old = await harness.register({ userId, connectionId: "socket-1" });
      const successor = await harness.register({ userId, connectionId: "socket-2" });
      const ref = { userId, deviceId: "phone", sessionId: old.sessionId };
      await assert.rejects(harness.api.refreshSession(ref), {
        code: "FAILED_PRECONDITION",
        message: `user "${userId}" device "phone" was registered by a newer connection: close this socket`,
      });
      await harness.api.unregisterSession(ref);
      await harness.api.unregisterSession({ ...ref, reason: DISCONNECT_REASON_CONNECTION_LOST });
      await harness.api.refreshSession({ ...ref, sessionId: successor.sessionId });
      assert.deepEqual((await harness.presenceOf(userId)).deviceIds, ["phone"]);
    });

    test("calls without session_id never touch a session that has a connection_id (P7)", async () => {
      const userId = harness.user();
      await harness.register({ userId, connectionId: "socket-1" });
      await harness.api.unregisterSession({ userId, deviceId: "phone" });
      assert.equal(await harness.isOnline(userId), true);
      await assert.rejects(harness.api.refreshSession({ userId, deviceId: "phone" }), {
        code: "FAILED_PRECONDITION",
        message: /was registered with a connection_id: refresh it with its session_id$/,
      });
    });

    test("Refresh answers the pace of heartbeats, with session_id and without", async () => {
      const userId = harness.user();
      const { sessionId } = await harness.register({ userId });
      for (const token of ["", sessionId]) {
        const answer = await harness.api.refreshSession({ userId, deviceId: "phone", sessionId: token });
        assert.deepEqual(answer, { heartbeatInterval: twentySeconds });
      }
    });

    test("Refresh of a session that is gone is NOT_FOUND and says what to do", async () => {
      const userId = harness.user();
      const { sessionId } = await harness.register({ userId });
      await harness.api.unregisterSession({ userId, deviceId: "phone", sessionId });
      for (const token of ["", sessionId]) {
        await assert.rejects(harness.api.refreshSession({ userId, deviceId: "phone", sessionId: token }), {
          code: "NOT_FOUND",
          message: `the session of user "${userId}" device "phone" is gone: register it again, with previous_session_id`,
        });
      }
    });

    test("Unregister of what is not there succeeds, and so does a repeated one", async () => {
      const userId = harness.user();
      assert.deepEqual(await harness.api.unregisterSession({ userId, deviceId: "phone" }), {});
      const { sessionId } = await harness.register({ userId });
      for (let call = 0; call < 2; call++) {
        assert.deepEqual(await harness.api.unregisterSession({ userId, deviceId: "phone", sessionId }), {});
      }
      assert.equal(await harness.isOnline(userId), false);
    });

    test("RegisterSessions answers each as a call of its own would be, in request order; one that fails spoils no other", async () => {
      const [anna, ben] = [harness.user("anna"), harness.user("ben")];
      const phone = { deviceId: "phone", instanceId: "gateway-1" };
      const first = await harness.register({ userId: anna, connectionId: "socket-1" });
      const { results } = await harness.api.registerSessions({
        sessions: [
          { ...phone, userId: anna, connectionId: "socket-1" },
          { ...phone, userId: "" },
          { ...phone, userId: ben, connectionId: "socket-2" },
          { ...phone, userId: anna, connectionId: "socket-3" },
          { ...phone, userId: anna, connectionId: "socket-1" },
          ...["1", "2", "3"].map((deviceId) => ({ ...phone, userId: anna, deviceId, connectionId: deviceId })),
        ],
      });
      const [repeated, invalid, other, successor, replaced, , , tooMany] = results;
      assert.deepEqual(repeated, { code: 0, message: "", session: first, closed: undefined });
      assert.deepEqual(invalid, {
        code: 3,
        message: "user_id is empty: send 1 to 128 bytes",
        session: undefined,
        closed: undefined,
      });
      assert.match(other?.session?.sessionId ?? "", /^[0-9]{16}\.socket-2$/);
      assert.deepEqual(other?.session?.ttl, { seconds: 60, nanos: 0 });
      assert.deepEqual(other?.session?.heartbeatInterval, twentySeconds);
      assert.equal(other?.session?.version, (await harness.presenceOf(ben)).version);
      assert.ok((successor?.session?.sessionId ?? "") > first.sessionId);
      assert.equal(replaced?.code, 9, "FAILED_PRECONDITION: its successor is earlier in the batch");
      assert.match(replaced?.message ?? "", /was registered by a newer connection: close this socket$/);
      assert.deepEqual([tooMany?.code, results.length], [8, 8]);
      assert.match(tooMany?.message ?? "", /has 3 devices, limit 3: unregister one/);
      assert.deepEqual((await harness.presenceOf(anna)).deviceIds, ["1", "2", "phone"]);
    });

    test("UnregisterSessions ends each, in request order; one that is malformed spoils no other", async () => {
      const [anna, ben] = [harness.user("anna"), harness.user("ben")];
      const { sessionId } = await harness.register({ userId: anna, connectionId: "socket-1" });
      const other = await harness.register({ userId: ben, connectionId: "socket-2" });
      const { results } = await harness.api.unregisterSessions({
        sessions: [
          { userId: anna, deviceId: "phone", sessionId },
          { userId: anna, deviceId: "" },
          { userId: harness.user(), deviceId: "phone", sessionId },
          { userId: ben, deviceId: "phone", sessionId: other.sessionId, reason: DISCONNECT_REASON_CONNECTION_LOST },
        ],
      });
      assert.deepEqual(
        results.map(({ code }) => code),
        [0, 3, 0, 0],
      );
      assert.equal(results[1]?.message, "device_id is empty: send 1 to 128 bytes");
      assert.equal(await harness.isOnline(anna), false);
      const { online, deviceIds } = await harness.presenceOf(ben);
      assert.deepEqual({ online, deviceIds }, { online: true, deviceIds: [] }, "in grace");
    });

    test("empty batches of registrations and ends are answered", async () => {
      assert.deepEqual(await harness.api.registerSessions({}), { results: [] });
      assert.deepEqual(await harness.api.unregisterSessions({}), { results: [] });
    });

    test("RefreshSessions names the missing and the superseded as they were sent, and answers the pace", async () => {
      const [anna, ben, carl] = [harness.user("anna"), harness.user("ben"), harness.user("carl")];
      const old = await harness.register({ userId: anna, connectionId: "socket-1" });
      const current = await harness.register({ userId: anna, connectionId: "socket-2" });
      await harness.register({ userId: ben });
      const superseded = { userId: anna, deviceId: "phone", sessionId: old.sessionId };
      const missing = { userId: carl, deviceId: "phone", sessionId: "1700000000000000.socket-9" };
      const answer = await harness.api.refreshSessions({
        sessions: [
          { userId: anna, deviceId: "phone", sessionId: current.sessionId },
          superseded,
          { userId: ben, deviceId: "phone" },
          missing,
          missing,
        ],
      });
      assert.deepEqual(answer, {
        missing: [missing, missing],
        superseded: [superseded],
        unconfirmed: [],
        closed: [],
        heartbeatInterval: twentySeconds,
      });
    });

    test("an empty RefreshSessions answers the pace", async () => {
      assert.deepEqual(await harness.api.refreshSessions({}), {
        missing: [],
        superseded: [],
        unconfirmed: [],
        closed: [],
        heartbeatInterval: twentySeconds,
      });
    });

    test("GetUserDevices tells the gateway of each device and since when it is connected", async () => {
      const userId = harness.user();
      const beforeMs = systemClock.nowUs() / 1_000;
      await harness.register({ userId, deviceId: "phone", instanceId: "gateway-1" });
      await harness.register({ userId, deviceId: "laptop", instanceId: "gateway-2", connectionId: "socket-1" });
      const { devices } = await harness.api.getUserDevices({ userId });
      assert.deepEqual(
        devices.map(({ deviceId, instanceId }) => ({ deviceId, instanceId })),
        [
          { deviceId: "laptop", instanceId: "gateway-2" },
          { deviceId: "phone", instanceId: "gateway-1" },
        ],
      );
      for (const { connectedAt } of devices) {
        assert(connectedAt !== undefined);
        const connectedAtMs = connectedAt.seconds * 1_000 + connectedAt.nanos / 1_000_000;
        assert(connectedAtMs >= beforeMs - 100 && connectedAtMs <= systemClock.nowUs() / 1_000 + 100);
      }
      assert.deepEqual(await harness.api.getUserDevices({ userId: harness.user("nobody") }), { devices: [] });
    });

    test("BatchGetUserDevices answers per id, in the order asked, duplicates kept", async () => {
      const [anna, nobody] = [harness.user("anna"), harness.user("nobody")];
      await harness.register({ userId: anna });
      const { users } = await harness.api.batchGetUserDevices({ userIds: [nobody, anna, nobody, anna] });
      assert.deepEqual(
        users.map(({ userId, devices }) => [userId, devices.map(({ deviceId }) => deviceId)]),
        [
          [nobody, []],
          [anna, ["phone"]],
          [nobody, []],
          [anna, ["phone"]],
        ],
      );
      assert.deepEqual(users[1]?.devices, (await harness.api.getUserDevices({ userId: anna })).devices);
    });

    test("a device too many is RESOURCE_EXHAUSTED, names the limit and changes nothing", async () => {
      const userId = harness.user();
      for (const deviceId of ["1", "2", "3"]) await harness.register({ userId, deviceId });
      await assert.rejects(harness.register({ userId, deviceId: "4" }), {
        code: "RESOURCE_EXHAUSTED",
        message: /^user ".*" has 3 devices, limit 3: unregister one/,
      });
      assert.deepEqual((await harness.presenceOf(userId)).deviceIds, ["1", "2", "3"]);
    });
  });
