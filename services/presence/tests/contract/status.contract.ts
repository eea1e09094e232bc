import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { presence, type Timestamp } from "@realchat/presence-proto";
import type { ContractHarness } from "./contract-harness.ts";
import { Watched } from "./watched.ts";

const { AVAILABILITY_AVAILABLE, AVAILABILITY_AWAY, AVAILABILITY_BUSY, AVAILABILITY_DO_NOT_DISTURB } =
  presence.Availability;
const { CLAIM_SOURCE_MANUAL, CLAIM_SOURCE_AUTOMATIC } = presence.ClaimSource;
const { TRANSITION_CAUSE_STATUS } = presence.TransitionCause;
const { PRESENCE_STATUS_ONLINE } = presence.PresenceStatus;
const { NOW, LATER, NOT } = presence.Notify_Decision;
const minuteMs = 60_000;

function inMs(ms: number): Timestamp {
  const atMs = Date.now() + ms;
  return { seconds: Math.floor(atMs / 1_000), nanos: (atMs % 1_000) * 1_000_000 };
}

/** What people see of users besides online and offline, and whether to notify them. */
export const status = (harness: ContractHarness) =>
  describe("status", () => {
    const busy = { claimId: "self", source: CLAIM_SOURCE_MANUAL, availability: AVAILABILITY_BUSY };

    test("a claim is told to watchers, is answered to all who ask, and ends within a second of its time", async () => {
      const userId = harness.user();
      const registered = await harness.register({ userId, connectionId: "c1" });
      assert.equal((await harness.presenceOf(userId)).status, undefined);
      const watch = await Watched.start(harness.client, [userId]);
      const expiresAt = inMs(1_200);
      const claim = { ...busy, text: "in a meeting", emoji: "📅", expiresAt };
      const set = await harness.api.setStatus({ userId, claim });
      assert.ok(set.version > registered.version);
      const { until, ...shown } = set.status ?? assert.fail("no status");
      assert.deepEqual(shown, {
        ...{ availability: AVAILABILITY_BUSY, text: "in a meeting", emoji: "📅", idleSince: undefined },
      });
      assert.deepEqual(until, expiresAt);
      assert.deepEqual((await harness.presenceOf(userId)).status, set.status);
      const { claims, version, status } = await harness.api.getStatus({ userId });
      assert.deepEqual([version, status], [set.version, set.status]);
      const [{ setAt, ...kept } = assert.fail("no claim")] = claims;
      assert.deepEqual(kept, claim);
      assert.notEqual(setAt, undefined);

      const told = await watch.update(userId, 1);
      assert.deepEqual(
        [told.version, told.cause, told.status],
        [set.version, TRANSITION_CAUSE_STATUS, PRESENCE_STATUS_ONLINE],
      );
      assert.deepEqual(told.userStatus, set.status);
      const ended = await watch.update(userId, 2);
      const endedAtMs = ended.version / 1_000;
      const endsAtMs = expiresAt.seconds * 1_000 + expiresAt.nanos / 1_000_000;
      assert(
        endedAtMs >= endsAtMs && endedAtMs < endsAtMs + 1_000,
        `it ended ${endedAtMs - endsAtMs} ms after its time`,
      );
      assert.equal(ended.userStatus, undefined);
      assert.deepEqual((await harness.api.getStatus({ userId })).claims, []);
      watch.close();
    });

    test("who is idle is away, until somebody uses a device; and is so in the answer to whoever comes", async () => {
      const userId = harness.user();
      const { sessionId } = await harness.register({ userId, connectionId: "c1", idleSince: inMs(-10 * minuteMs) });
      assert.equal((await harness.presenceOf(userId)).status?.availability, AVAILABILITY_AWAY);
      const session = { userId, deviceId: "phone", sessionId };
      const { heartbeatInterval } = await harness.api.setActivity({ ...session, sequence: 1 });
      assert.notEqual(heartbeatInterval, undefined);
      assert.equal((await harness.presenceOf(userId)).status, undefined);
      const idleSince = inMs(-5 * minuteMs);
      await harness.api.setActivity({ ...session, idleSince, sequence: 2 });
      await harness.api.setActivity({ ...session, sequence: 1 });
      assert.deepEqual((await harness.presenceOf(userId)).status?.idleSince, idleSince);
      await assert.rejects(harness.api.setActivity({ ...session, deviceId: "tablet" }), { code: "NOT_FOUND" });
      await harness.register({ userId, connectionId: "c2" });
      await assert.rejects(harness.api.setActivity(session), { code: "FAILED_PRECONDITION" });
    });

    test("whoever is refused hears the field and its limit", async () => {
      const userId = harness.user();
      const set = (claim: Partial<presence.StatusClaim>) =>
        harness.api.setStatus({ userId, claim: { ...busy, ...claim } });
      const invalid = (message: string | RegExp) => ({ code: "INVALID_ARGUMENT", message });
      await assert.rejects(harness.api.setStatus({ userId: "", claim: busy }), invalid(/^user_id is empty/));
      await assert.rejects(harness.api.setStatus({ userId }), invalid(/^claim.claim_id is empty/));
      await assert.rejects(set({ claimId: "a\nb" }), invalid(/^claim.claim_id has the control character/));
      await assert.rejects(set({ source: CLAIM_SOURCE_AUTOMATIC }), invalid(/^claim.source is AUTOMATIC: send MANUAL/));
      await assert.rejects(set({ claimId: "calendar" }), invalid(/^claim.source is MANUAL: send AUTOMATIC/));
      await assert.rejects(set({ availability: 9 as 4 }), invalid(/^claim.availability is none that this node knows/));
      await assert.rejects(set({ availability: 0 }), invalid(/^claim says nothing/));
      await assert.rejects(set({ text: "🥗".repeat(141) }), invalid(/^claim.text has 141 code points, limit 140/));
      await assert.rejects(set({ text: "a\tb" }), invalid(/^claim.text has the control character U\+0009/));
      await assert.rejects(set({ emoji: "x".repeat(33) }), invalid(/^claim.emoji has 33 bytes, limit 32/));
      await assert.rejects(
        set({ expiresAt: inMs(31 * 86_400_000) }),
        invalid(/^claim.expires_at is 31 days ahead, limit 30/),
      );
      await assert.rejects(set({ expiresAt: inMs(-1_000) }), invalid(/^claim.expires_at has passed/));
      await assert.rejects(set({ setAt: { seconds: -1, nanos: 0 } }), invalid(/^claim.set_at is not between/));
      await assert.rejects(harness.api.clearStatus({ userId }), invalid(/^claim_id is empty/));
      await assert.rejects(harness.api.setActivity({ userId, deviceId: "phone" }), invalid(/^session_id is empty/));
      const session = { userId, deviceId: "phone", sessionId: "5.c1" };
      await assert.rejects(harness.api.setActivity({ ...session, sequence: -1 }), invalid(/^sequence is -1/));
      await assert.rejects(harness.api.shouldNotify({ userIds: [""] }), invalid(/^user_ids\[0\] is empty/));
      const tooMany = Array.from({ length: 10_001 }, () => userId);
      await assert.rejects(
        harness.api.shouldNotify({ userIds: tooMany }),
        invalid(/^user_ids has 10001 entries, limit 10000/),
      );
      await set({ text: "🥗".repeat(140), emoji: "👩‍👩‍👧" });
    });

    test("what is said again after a loss is taken though its end is beyond 30 days by a clock that was stepped back", async () => {
      const userId = harness.user();
      const claim = { ...busy, setAt: inMs(-minuteMs), expiresAt: inMs(31 * 86_400_000) };
      assert.equal((await harness.api.setStatus({ userId, claim })).status?.availability, 0);
      const [kept = assert.fail("no claim")] = (await harness.api.getStatus({ userId })).claims;
      const endsInMs = (kept.expiresAt?.seconds ?? 0) * 1_000 - Date.now();
      assert(endsInMs > 29 * 86_400_000 && endsInMs <= 30 * 86_400_000, `it ends in ${endsInMs} ms`);
    });

    test("a user has 8 claims, and 10 are set within a minute", async () => {
      const userId = harness.user();
      const set = (claimId: string, availability: presence.Availability) =>
        harness.api.setStatus({ userId, claim: { claimId, source: CLAIM_SOURCE_AUTOMATIC, availability } });
      for (let index = 0; index < 8; index++) await set(`claim-${index}`, AVAILABILITY_BUSY);
      const exhausted = (message: RegExp) => ({ code: "RESOURCE_EXHAUSTED", message });
      await assert.rejects(set("claim-8", AVAILABILITY_BUSY), exhausted(/has 8 claims, limit 8: clear one$/));
      for (const availability of [AVAILABILITY_AWAY, AVAILABILITY_AVAILABLE]) await set("claim-0", availability);
      await assert.rejects(
        set("claim-0", AVAILABILITY_BUSY),
        exhausted(/had 10 claims set within a minute, limit 10: try again in \d+ s$/),
      );
    });

    test("ShouldNotify says when to notify whom", async () => {
      const [away, active, idle, peaceful, absent] = ["away", "active", "idle", "peaceful", "absent"].map((name) =>
        harness.user(name),
      ) as [string, string, string, string, string];
      for (const userId of [away, active, idle]) {
        const { sessionId } = await harness.register({ userId, connectionId: "c1" });
        const agoMs = { [away]: 60 * minuteMs, [idle]: 1.1 * minuteMs }[userId];
        const idleSince = agoMs === undefined ? undefined : inMs(-agoMs);
        await harness.api.setActivity({ userId, deviceId: "phone", sessionId, idleSince });
      }
      await harness.register({ userId: absent, connectionId: "c1" });
      const claim = { ...busy, availability: AVAILABILITY_DO_NOT_DISTURB };
      await harness.api.setStatus({ userId: peaceful, claim });
      const { users } = await harness.api.shouldNotify({ userIds: [away, active, idle, peaceful, absent] });
      assert.deepEqual(
        users.map(({ userId, decision, reason }) => [userId, decision, reason]),
        [
          [away, NOW, "idle"],
          [active, NOT, "active"],
          [idle, LATER, "attended"],
          [peaceful, NOT, "do-not-disturb"],
          [absent, NOW, "absent"],
        ],
      );
      const after = users[2]?.after?.seconds ?? 0;
      assert(after > 30 && after <= 54, `again after ${after} s`);
      assert.deepEqual((await harness.api.shouldNotify({})).users, []);
    });

    test("GetPresence says for how long last seen is kept", async () => {
      const { lastSeenRetention } = await harness.api.getPresence({});
      assert.deepEqual(lastSeenRetention, { seconds: 86_400, nanos: 0 });
    });
  });
