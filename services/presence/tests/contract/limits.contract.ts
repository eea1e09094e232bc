import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ContractHarness } from "./contract-harness.ts";

/** Ids that look alike when they are joined, escaped, normalised or taken for something else. */
const oddIds = [
  "a",
  "b",
  "a:b",
  ":",
  " ",
  "a b",
  "{x}",
  "x",
  "\\",
  "\\0",
  "👩‍👩‍👧",
  "é",
  "e\u0301",
  "*",
  "'",
  "1",
  "01",
  "__proto__",
];

const badIds = [
  { id: "", because: "is empty: send 1 to 128 bytes" },
  { id: "a\0b", because: "has the control character U+0000 at 1: send printable text" },
  { id: "line\n", because: "has the control character U+000A at 4: send printable text" },
  { id: "\u0085", because: "has the control character U+0085 at 0: send printable text" },
  { id: "ü".repeat(65), because: "has 130 bytes, limit 128: send a short stable id, such as a UUID" },
];

export const limits = (harness: ContractHarness) =>
  describe("ids and limits", () => {
    const invalid = (message: string | RegExp) => ({ code: "INVALID_ARGUMENT", message });

    test("odd ids never collide, neither users nor devices", async () => {
      const suffix = harness.user("");
      const pairs = oddIds.flatMap((user) => oddIds.map((deviceId) => ({ userId: user + suffix, deviceId })));
      await Promise.all(pairs.map((pair) => harness.register({ ...pair, instanceId: pair.deviceId })));
      const gone = pairs.filter((_, index) => index % 2 === 0);
      await Promise.all(gone.map((pair) => harness.api.unregisterSession(pair)));
      const users = oddIds.map((user) => user + suffix);
      const answer = await harness.api.batchGetUserDevices({ userIds: users });
      for (const [index, { userId, devices }] of answer.users.entries()) {
        const kept = oddIds.filter((_, device) => (index * oddIds.length + device) % 2 === 1);
        assert.equal(userId, users[index]);
        assert.deepEqual(devices.map(({ deviceId }) => deviceId).toSorted(), kept.toSorted());
        for (const { deviceId, instanceId } of devices) assert.equal(instanceId, deviceId);
      }
    });

    test("an age is 0 to 7 days", async () => {
      const userId = harness.user();
      for (const age of [
        { seconds: -1, nanos: 0 },
        { seconds: 0, nanos: -1_000_000 },
        { seconds: 604_801, nanos: 0 },
        { seconds: 315_576_000_000, nanos: 999_999_999 },
      ]) {
        await assert.rejects(harness.register({ userId, age }), invalid(/^age is -?[0-9.]+ s: send 0 to 604800 s/));
      }
      await harness.register({ userId, age: { seconds: 604_800, nanos: 0 } });
    });

    test("128 bytes of UTF-8 are an id", async () => {
      const userId = "ü".repeat(64);
      await harness.register({ userId, deviceId: userId, instanceId: userId, connectionId: userId });
      assert.deepEqual((await harness.presenceOf(userId)).deviceIds, [userId]);
      await harness.api.unregisterSession({ userId, deviceId: userId });
    });

    for (const { id, because } of badIds) {
      test(`an id that ${because.split(":")[0]} is refused by every RPC, which names the field`, async () => {
        const good = { userId: "anna", deviceId: "phone" };
        await assert.rejects(harness.register({ userId: id }), invalid(`user_id ${because}`));
        await assert.rejects(harness.register({ ...good, deviceId: id }), invalid(`device_id ${because}`));
        await assert.rejects(harness.register({ ...good, instanceId: id }), invalid(`instance_id ${because}`));
        for (const call of [harness.api.refreshSession, harness.api.unregisterSession]) {
          await assert.rejects(call({ ...good, userId: id }), invalid(`user_id ${because}`));
          await assert.rejects(call({ ...good, deviceId: id }), invalid(`device_id ${because}`));
        }
        await assert.rejects(
          harness.api.refreshSessions({ sessions: [good, { ...good, deviceId: id }] }),
          invalid(`sessions[1].device_id ${because}`),
        );
        const registrations = [{ ...good, userId: id, instanceId: "gateway-1" }];
        const { results: registered } = await harness.api.registerSessions({ sessions: registrations });
        assert.deepEqual(registered, [
          { code: 3, message: `user_id ${because}`, session: undefined, closed: undefined },
        ]);
        const { results: ended } = await harness.api.unregisterSessions({
          sessions: [good, { ...good, deviceId: id }],
        });
        assert.deepEqual(ended[1], { code: 3, message: `device_id ${because}` });
        await assert.rejects(harness.api.getPresence({ userIds: ["anna", id] }), invalid(`user_ids[1] ${because}`));
        await assert.rejects(harness.api.getUserDevices({ userId: id }), invalid(`user_id ${because}`));
        await assert.rejects(harness.api.batchGetUserDevices({ userIds: [id] }), invalid(`user_ids[0] ${because}`));
        const watch = harness.api.watchPresence({ userIds: [id] })[Symbol.asyncIterator]();
        await assert.rejects(watch.next(), invalid(`user_ids[0] ${because}`));
      });
    }

    test("connection_id and session_ids may be absent, but not wrong", async () => {
      const good = { userId: harness.user(), deviceId: "phone", instanceId: "gateway-1" };
      await assert.rejects(
        harness.register({ ...good, connectionId: "x".repeat(129) }),
        invalid(/^connection_id has 129 bytes, limit 128/),
      );
      await assert.rejects(
        harness.register({ ...good, previousSessionId: "no token" }),
        invalid(/^previous_session_id "no token" is not a session_id that RegisterSession returned: leave it out$/),
      );
      const tooLong = { ...good, sessionId: "1".repeat(200) };
      await assert.rejects(harness.api.refreshSession(tooLong), invalid(/^session_id has 200 bytes, limit 145/));
      await assert.rejects(harness.api.unregisterSession(tooLong), invalid(/^session_id has 200 bytes/));
    });

    test("1,000 sessions a batch and 10,000 ids a query pass, one more is refused by name and limit", async () => {
      const sessions = Array.from({ length: 1_000 }, (_, index) => ({
        userId: `nobody-${index}`,
        deviceId: "phone",
        sessionId: "5.c1",
      }));
      assert.equal((await harness.api.refreshSessions({ sessions })).missing.length, 1_000);
      const [session] = sessions;
      assert(session !== undefined);
      await assert.rejects(
        harness.api.refreshSessions({ sessions: [...sessions, session] }),
        invalid("sessions has 1001 entries, limit 1000: split the call"),
      );
      const ends = await harness.api.unregisterSessions({ sessions });
      assert.equal(ends.results.filter(({ code }) => code === 0).length, 1_000);
      for (const call of [harness.api.unregisterSessions, harness.api.registerSessions]) {
        await assert.rejects(
          call({ sessions: [...sessions, session] }),
          invalid("sessions has 1001 entries, limit 1000: split the call"),
        );
      }
      const crowd = Array.from({ length: 1_000 }, (_, index) => ({
        userId: harness.user(),
        deviceId: "phone",
        instanceId: "gateway-1",
        connectionId: `socket-${index}`,
      }));
      const { results } = await harness.api.registerSessions({ sessions: crowd });
      assert.equal(results.filter(({ code }) => code === 0).length, 1_000);
      const userIds = Array.from({ length: 10_001 }, () => "nobody");
      const tooMany = invalid("user_ids has 10001 entries, limit 10000: split the call");
      await assert.rejects(harness.api.getPresence({ userIds }), tooMany);
      await assert.rejects(harness.api.batchGetUserDevices({ userIds }), tooMany);
      await assert.rejects(harness.api.watchPresence({ userIds })[Symbol.asyncIterator]().next(), tooMany);
    });

    test("a message over 4 MiB is RESOURCE_EXHAUSTED, and the connection goes on", async () => {
      const { api } = harness;
      await assert.rejects(api.getPresence({ userIds: ["x".repeat(4 * 2 ** 20)] }), { code: "RESOURCE_EXHAUSTED" });
      assert.deepEqual((await api.getPresence({})).presences, []);
    });
  });
