import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import { systemClock } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import { ContractHarness, type StartNodes } from "./contract-harness.ts";
import { Watched } from "./watched.ts";

const { PRESENCE_STATUS_ONLINE, PRESENCE_STATUS_OFFLINE } = presence.PresenceStatus;
const { TRANSITION_CAUSE_CONNECTED, TRANSITION_CAUSE_LOGGED_OUT } = presence.TransitionCause;
const { DISCONNECT_REASON_LOGGED_OUT } = presence.DisconnectReason;

export const reading = (start: StartNodes) =>
  describe("reading and watching", () => {
    const harness = ContractHarness.start(start);

    test("GetPresence answers per id, in the order asked, duplicates kept", async () => {
      const [anna, ben, nobody] = [harness.user("anna"), harness.user("ben"), harness.user("nobody")];
      await harness.register({ userId: anna });
      await harness.register({ userId: ben, deviceId: "tablet" });
      await harness.register({ userId: ben, deviceId: "laptop" });
      const { presences, recovering } = await harness.api.getPresence({ userIds: [ben, nobody, anna, ben] });
      assert.equal(recovering, false);
      assert.deepEqual(
        presences.map(({ userId, online, deviceIds }) => ({ userId, online, deviceIds })),
        [
          { userId: ben, online: true, deviceIds: ["laptop", "tablet"] },
          { userId: nobody, online: false, deviceIds: [] },
          { userId: anna, online: true, deviceIds: ["phone"] },
          { userId: ben, online: true, deviceIds: ["laptop", "tablet"] },
        ],
      );
      for (const { lastSeenAt } of presences) assert.equal(lastSeenAt, undefined);
    });

    test("no ids, no answers; ten thousand ids, ten thousand answers", async () => {
      assert.deepEqual((await harness.api.getPresence({})).presences, []);
      const anna = harness.user();
      await harness.register({ userId: anna });
      const userIds = Array.from({ length: 10_000 }, (_, index) => (index === 7_777 ? anna : `unknown-${index}`));
      const { presences } = await harness.api.getPresence({ userIds });
      assert.deepEqual(
        presences.map(({ userId }) => userId),
        userIds,
      );
      assert.deepEqual(
        presences.filter(({ online }) => online).map(({ userId }) => userId),
        [anna],
      );
    });

    test("of who left it is told when he was last seen, and a higher version (P3)", async () => {
      const userId = harness.user();
      const { version } = await harness.register({ userId });
      const leftMs = systemClock.nowUs() / 1_000;
      await harness.api.unregisterSession({ userId, deviceId: "phone" });
      const left = await harness.presenceOf(userId);
      assert.equal(left.online, false);
      assert(left.version > version);
      assert(left.lastSeenAt !== undefined);
      const lastSeenMs = left.lastSeenAt.seconds * 1_000 + left.lastSeenAt.nanos / 1_000_000;
      const answeredMs = systemClock.nowUs() / 1_000;
      // The store's clock, in whole milliseconds.
      assert(lastSeenMs > leftMs - 100 && lastSeenMs < answeredMs + 100, `last seen ${lastSeenMs}, left ${leftMs}`);
    });

    test("a watch of named users tells a snapshot, that it is complete, then changes, with every field", async () => {
      const [anna, ben, other] = [harness.user("anna"), harness.user("ben"), harness.user("other")];
      await harness.register({ userId: anna });
      const watch = await Watched.start(harness.client, [anna, ben, anna]);
      const { presences } = await harness.api.getPresence({ userIds: [anna, ben] });
      const snapshot = watch.snapshot.toSorted((one, two) => one.userId.localeCompare(two.userId));
      assert.deepEqual(
        snapshot.map(({ userId, online, deviceIds }) => ({ userId, online, deviceIds })),
        presences.map(({ userId, online, deviceIds }) => ({ userId, online, deviceIds })),
      );
      assert.deepEqual(snapshot[0], presences[0]);

      await harness.register({ userId: other });
      const beforeS = Math.floor(systemClock.nowUs() / 1_000_000);
      const { version } = await harness.register({ userId: ben, deviceId: "laptop", instanceId: "gateway-7" });
      const { occurredAt, ...came } = await watch.update(ben, 1);
      assert.deepEqual(came, {
        userId: ben,
        status: PRESENCE_STATUS_ONLINE,
        version,
        cause: TRANSITION_CAUSE_CONNECTED,
        deviceId: "laptop",
        instanceId: "gateway-7",
        lastSeenAt: undefined,
        shard: presences[1]?.shard,
        userStatus: undefined,
      });
      assert(occurredAt >= beforeS && occurredAt <= systemClock.nowUs() / 1_000_000 + 1);

      await harness.api.unregisterSession({ userId: ben, deviceId: "laptop", reason: DISCONNECT_REASON_LOGGED_OUT });
      const left = await watch.update(ben, 2);
      const now = await harness.presenceOf(ben);
      assert.equal(left.status, PRESENCE_STATUS_OFFLINE);
      assert.equal(left.cause, TRANSITION_CAUSE_LOGGED_OUT);
      assert.deepEqual([left.version, left.lastSeenAt, left.shard], [now.version, now.lastSeenAt, now.shard]);
      assert.deepEqual(watch.changesOf(other), [], "who was not asked for is not told of");
      watch.close();
    });

    test("a watch of everyone tells who is online, then every change of anybody", async () => {
      const [anna, ben, gone] = [harness.user("anna"), harness.user("ben"), harness.user("gone")];
      const { version } = await harness.register({ userId: anna });
      await harness.register({ userId: gone });
      await harness.api.unregisterSession({ userId: gone, deviceId: "phone" });
      const watch = await Watched.start(harness.client, []);
      const online = watch.snapshot.map(({ userId }) => userId);
      assert(online.includes(anna) && !online.includes(gone) && !online.includes(ben));
      assert.equal(watch.snapshot.find(({ userId }) => userId === anna)?.version, version);
      await harness.register({ userId: ben });
      await harness.api.unregisterSession({ userId: anna, deviceId: "phone" });
      await watch.update(ben, 1);
      await watch.update(anna, 1);
      watch.close();
    });

    test("a watch of devices tells of whom one came or went beside another, and nothing else", async () => {
      const [userId, alone] = [harness.user("anna"), harness.user("alone")];
      const told: string[] = [];
      const answers = harness.api.watchDevices({});
      const reading = (async () => {
        for await (const { userIds } of answers) told.push(...userIds.filter((id) => id === userId || id === alone));
      })().catch(() => {});
      const tellsOf = async (count: number, change: () => Promise<unknown>) => {
        await change();
        await waitUntil(() => told.length >= count, { what: `${count} changes are told` });
      };
      const { version } = await harness.register({ userId });
      // When the watch has begun, nobody says.
      await waitUntil(
        async () => {
          await harness.register({ userId, deviceId: "laptop" });
          await harness.api.unregisterSession({ userId, deviceId: "laptop" });
          return told.length > 0;
        },
        { what: "a change is told" },
      );
      await harness.register({ userId: alone });
      await harness.api.unregisterSession({ userId: alone, deviceId: "phone" });
      const count = told.length;
      await tellsOf(count + 1, () => harness.register({ userId, deviceId: "tablet" }));
      assert.equal(told.includes(alone), false);
      assert.equal((await harness.presenceOf(userId)).version, version);
      answers.cancel();
      await reading;
    });

    test("Register, GetPresence and WatchPresence speak of the same versions (P3)", async () => {
      const userId = harness.user();
      const watch = await Watched.start(harness.client, [userId]);
      const spoken: string[] = [];
      for (let round = 0; round < 5; round++) {
        const { sessionId, version } = await harness.register({ userId });
        assert.equal((await harness.presenceOf(userId)).version, version);
        spoken.push(`+${version}`);
        // A watch tells only the last of changes that come faster than it tells them.
        await watch.update(userId, spoken.length);
        await harness.api.unregisterSession({ userId, deviceId: "phone", sessionId });
        spoken.push(`-${(await harness.presenceOf(userId)).version}`);
        await watch.update(userId, spoken.length);
      }
      assert.deepEqual(watch.changesOf(userId), spoken);
      const versions = spoken.map((change) => Number(change.slice(1)));
      assert.deepEqual(
        versions,
        versions.toSorted((one, two) => one - two),
      );
      assert.equal(new Set(versions).size, 10);
      watch.close();
    });

    test("a slow reader gets the latest state, not a growing queue", async () => {
      const users = Array.from({ length: 20 }, () => harness.user("x".repeat(100)));
      const [deviceId, instanceId] = ["d".repeat(128), "i".repeat(128)];
      const answers = harness.api.watchPresence({ userIds: users });
      const reader = answers[Symbol.asyncIterator]();
      let { value } = await reader.next();
      while (!value.snapshotComplete) ({ value } = await reader.next());
      // From here on he does not read, until much more has happened than fits into the connection's buffers.
      const rounds = 30;
      for (let round = 0; round < rounds; round++) {
        await Promise.all(
          users.map(async (userId) => {
            const { sessionId } = await harness.register({ userId, deviceId, instanceId });
            await harness.api.unregisterSession({ userId, deviceId, sessionId });
          }),
        );
      }
      const { presences } = await harness.api.getPresence({ userIds: users });
      const latest = new Map(presences.map(({ userId, version }) => [userId, version]));
      const told = new Map<string, number>();
      let updates = 0;
      while (users.some((userId) => told.get(userId) !== latest.get(userId))) {
        ({ value } = await reader.next());
        for (const update of (value as presence.WatchPresenceResponse).updates) {
          assert(update.version > (told.get(update.userId) ?? 0), "versions only grow");
          told.set(update.userId, update.version);
          updates++;
        }
      }
      const changes = rounds * users.length * 2;
      assert(updates < changes, `${updates} updates for ${changes} changes`);
      answers.cancel();
    });
  });
