import assert from "node:assert/strict";
import { describe } from "node:test";
import { claimMaxMs, type NewClaim } from "../../domain/claims.ts";
import { isMark } from "../../domain/log-entry.ts";
import { defaultRules } from "../../domain/rules.ts";
import type { Availability } from "../../domain/status.ts";
import type { StatusResult } from "../store.ts";
import { assertNear, type Scene, scene } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** What is not named is the claim `self`, which says busy. */
function claim(fields: Partial<NewClaim> = {}): NewClaim {
  const nothing = { text: "", emoji: "", expiresAtMs: undefined, setAtMs: undefined };
  return { claimId: "self", availability: "BUSY", ...nothing, ...fields };
}

function done(result: StatusResult) {
  assert(result.kind === "done", `expected it to be done, got ${result.kind}`);
  return result;
}

async function set(on: Scene, fields: Partial<NewClaim> = {}, userId = "anna") {
  return done(await on.store.setStatus(userId, claim(fields)));
}

async function clear(on: Scene, claimId = "self", setAtMs?: number) {
  return done(await on.store.clearStatus("anna", claimId, setAtMs));
}

/** Availability, and the text if there is one. */
async function shown(on: Scene, userId = "anna"): Promise<string> {
  const { online, status } = await on.user(userId);
  const { availability, text } = status ?? { availability: online ? "AVAILABLE" : "UNSPECIFIED", text: "" };
  return text === "" ? availability : `${availability}: ${text}`;
}

/** Of each change: cause, online or offline, and what is shown. */
async function told(on: Scene, userId = "anna"): Promise<string[]> {
  return (await on.transitions(userId)).map(({ cause, online, status }) => {
    const { availability, text } = status ?? { availability: online ? "AVAILABLE" : "UNSPECIFIED", text: "" };
    return `${cause} ${online ? "online" : "offline"} ${availability}${text && `: ${text}`}`;
  });
}

async function idle(
  on: Scene,
  sessionId: string,
  deviceId = "phone",
  more: { agoMs?: number; sequence?: number } = {},
) {
  const { agoMs = 5 * minuteMs, sequence = 0 } = more;
  const idleSinceMs = agoMs === 0 ? 0 : (await on.harness.wallMs()) - agoMs;
  return (await on.store.setActivity({ userId: "anna", deviceId, sessionId }, { sequence, idleSinceMs })).kind;
}

/** What people see of users besides online and offline. */
export const status = (open: OpenStore) =>
  describe("status", () => {
    scene(open, "a claim is told with the user's next version, and an equal one is not told again (P3)", async (on) => {
      await on.session();
      const before = await on.user();
      const result = await set(on, { text: "in a meeting" });
      assert.deepEqual([result.status.availability, result.status.text], ["BUSY", "in a meeting"]);
      assert.ok(result.version > before.version);
      assert.equal((await on.user()).version, result.version);
      assert.equal((await set(on, { text: "in a meeting" })).version, result.version);
      assert.equal(await shown(on), "BUSY: in a meeting");
      assert.deepEqual(await told(on), ["CONNECTED online AVAILABLE", "STATUS online BUSY: in a meeting"]);
      const [, change] = await on.transitions();
      assert.deepEqual([change?.deviceId, change?.instanceId, change?.version], ["", "", result.version]);
      assert.deepEqual(change?.status, result.status);
      await on.refresh();
      assert.equal((await on.transitions()).length, 2);
    });

    scene(open, "a claim makes nobody online; coming and going are told with it, as one entry", async (on) => {
      await set(on, { text: "on holiday" });
      assert.equal((await on.user()).online, false);
      assert.equal(await shown(on), "UNSPECIFIED: on holiday");
      const sessionId = await on.session();
      await on.unregister({ sessionId });
      assert.deepEqual(await told(on), [
        "STATUS offline UNSPECIFIED: on holiday",
        "CONNECTED online BUSY: on holiday",
        "DISCONNECTED offline UNSPECIFIED: on holiday",
      ]);
      const { lastSeenMs } = await on.user();
      assertNear(lastSeenMs, await on.harness.wallMs(), 5_000, "last seen");
      await clear(on);
      const [last] = (await on.transitions()).slice(-1);
      assert.deepEqual([last?.cause, last?.online, last?.lastSeenMs], ["STATUS", false, lastSeenMs]);
      assert.equal((await on.user()).lastSeenMs, lastSeenMs);
    });

    scene(open, "a claim without text of who is offline is told when the user comes, and not before", async (on) => {
      const { version } = await set(on, { claimId: "calendar" });
      assert.deepEqual(await told(on), []);
      assert.equal((await on.user()).version, version);
      await on.session();
      assert.deepEqual(await told(on), ["CONNECTED online BUSY"]);
      assert.ok((await on.user()).version > version);
    });

    scene(
      open,
      "the user's own claim decides, else the strongest automatic one, else whether all are idle",
      async (on) => {
        const sessionId = await on.session();
        const say = (claimId: string, availability: Availability, text = "") =>
          set(on, { claimId, availability, text });
        await say("calendar", "BUSY", "review");
        await say("call", "DO_NOT_DISTURB");
        await say("feed", "UNSPECIFIED", "listens to music");
        assert.equal(await shown(on), "DO_NOT_DISTURB");
        await say("self", "AVAILABLE");
        assert.equal(await shown(on), "AVAILABLE");
        await say("self", "UNSPECIFIED", "ask me");
        assert.equal(await shown(on), "DO_NOT_DISTURB: ask me");
        await clear(on, "call");
        assert.equal(await shown(on), "BUSY: ask me");
        await clear(on, "self");
        assert.equal(await shown(on), "BUSY: review");
        await clear(on, "calendar");
        assert.equal(await shown(on), "AVAILABLE: listens to music");
        await idle(on, sessionId);
        assert.equal(await shown(on), "AWAY: listens to music");
        await clear(on, "feed");
        assert.equal(await shown(on), "AWAY");
      },
    );

    scene(open, "a claim ends at its time of day, then the next one counts: one transition each", async (on) => {
      await on.session();
      const nowMs = await on.harness.wallMs();
      await set(on, { text: "lunch", expiresAtMs: nowMs + hourMs });
      await set(on, { claimId: "calendar", availability: "DO_NOT_DISTURB", expiresAtMs: nowMs + 2 * hourMs });
      assert.equal((await on.user()).status?.untilMs, nowMs + hourMs);
      await on.freeze(hourMs);
      await on.elapse(0);
      assert.equal(await shown(on), "DO_NOT_DISTURB");
      await on.freeze(hourMs);
      await on.elapse(1_000);
      assert.equal(await shown(on), "AVAILABLE");
      assert.equal((await on.user()).online, true, "nobody listened, and nobody expired (P6)");
      assert.deepEqual((await told(on)).slice(1), [
        "STATUS online BUSY: lunch",
        "STATUS online DO_NOT_DISTURB",
        "STATUS online AVAILABLE",
      ]);
      assert.deepEqual((await on.store.claimsOf("anna")).claims, []);
    });

    scene(
      open,
      "the text of who is offline ends, too, at once when nobody ticked for long; last seen stays",
      async (on) => {
        const sessionId = await on.session();
        await on.unregister({ sessionId });
        const { lastSeenMs } = await on.user();
        await set(on, { text: "back at 3", expiresAtMs: (await on.harness.wallMs()) + 10 * minuteMs });
        await on.freeze(20 * minuteMs);
        await on.elapse(0);
        const [last] = (await on.transitions()).slice(-1);
        assert.deepEqual([last?.cause, last?.online, last?.status], ["STATUS", false, undefined]);
        assert.equal((await on.transitions()).length, 4);
        assert.equal(last?.lastSeenMs, lastSeenMs);
        assert.equal((await on.user()).lastSeenMs, lastSeenMs);
      },
    );

    scene(open, "claims end within the tick's limit, and a tick that reached it says so", async (on) => {
      const users = on.usersOf(0, 5);
      const expiresAtMs = (await on.harness.wallMs()) + minuteMs;
      for (const userId of users) await set(on, { text: "soon back", expiresAtMs }, userId);
      assert.equal((await on.store.tick(0, 100)).claimed, 5);
      await on.freeze(2 * minuteMs);
      const { expired, claimed } = await on.store.tick(0, 2);
      assert.deepEqual([expired, claimed], [2, 3]);
      assert.equal((await on.log(0)).filter(({ status }) => status === undefined).length, 2);
      await on.store.tick(0, 2);
      assert.equal((await on.store.tick(0, 2)).expired, 1);
      assert.equal((await on.store.tick(0, 100)).claimed, 0);
      assert.equal((await on.log(0)).length, 10);
    });

    scene(
      open,
      "what was said earlier changes nothing, also of what was cleared since, and now is the latest",
      async (on) => {
        await on.session();
        const nowMs = await on.harness.wallMs();
        const later = await set(on, { text: "new", setAtMs: nowMs - 1_000 });
        for (const setAtMs of [nowMs - 1_000, nowMs - 2_000]) {
          assert.deepEqual(await set(on, { text: "old", setAtMs }), later);
          assert.deepEqual(await clear(on, "self", setAtMs), later);
        }
        await clear(on, "self", nowMs - 500);
        assert.equal((await set(on, { text: "old", setAtMs: nowMs - 500 })).status.text, "");
        assert.equal((await set(on, { text: "ahead", setAtMs: nowMs + hourMs })).status.text, "ahead");
        assert.equal((await set(on, { text: "now" })).status.text, "now");
        assert.equal((await clear(on)).status.text, "");
        assert.deepEqual((await clear(on)).status.text, "", "what is not there is cleared, too");
        assert.equal((await on.store.clearStatus("nobody", "self", undefined)).kind, "done");
      },
    );

    scene(open, "the version that tells a claim says when it was set, and of a user each is later (P3)", async (on) => {
      await on.session();
      let beforeMs = 0;
      for (const claimId of ["calendar", "call", "self"]) {
        const { version } = await set(on, { claimId, text: claimId });
        const { claims } = await on.store.claimsOf("anna");
        const setAtMs = claims.find((claim) => claim.claimId === claimId)?.setAtMs ?? 0;
        assert.equal(setAtMs, Math.floor(version / 1_000));
        assert.ok(setAtMs > beforeMs, "though versions may be of the same millisecond");
        beforeMs = setAtMs;
      }
    });

    scene(open, "a claim without end lasts for 30 days, and none longer", async (on) => {
      await set(on, { text: "one" });
      await set(on, { claimId: "calendar", expiresAtMs: (await on.harness.wallMs()) + 2 * claimMaxMs });
      const { claims } = await on.store.claimsOf("anna");
      assert.deepEqual(
        claims.map(({ claimId }) => claimId),
        ["calendar", "self"],
      );
      for (const { expiresAtMs } of claims) {
        assertNear(expiresAtMs, (await on.harness.wallMs()) + claimMaxMs, 5_000, "the end");
      }
      const over = await on.store.setStatus("anna", claim({ expiresAtMs: (await on.harness.wallMs()) - 1 }));
      assert.equal(over.kind, "over");
    });

    scene(open, "a user has 8 claims, and 10 are set within a minute", async (on) => {
      for (let index = 0; index < 8; index++) await set(on, { claimId: `claim-${index}` });
      assert.deepEqual(await on.store.setStatus("anna", claim()), { kind: "too-many" });
      await set(on, { claimId: "claim-0", availability: "AWAY" });
      await set(on, { claimId: "claim-0", availability: "BUSY" });
      await set(on, { claimId: "claim-0", availability: "BUSY" });
      const refused = await on.store.setStatus("anna", claim({ claimId: "claim-0", availability: "AVAILABLE" }));
      assert(refused.kind === "too-often", refused.kind);
      assertNear(refused.leftMs, minuteMs, 5_000, "what is left of the minute");
      await clear(on, "claim-7");
      await on.freeze(minuteMs + 1_000);
      await set(on);
    });

    scene(open, "a record with claims outlives last seen, and goes with the last claim", async (on) => {
      const sessionId = await on.session();
      await on.unregister({ sessionId });
      await set(on, { text: "away", expiresAtMs: (await on.harness.wallMs()) + 5 * hourMs });
      await on.harness.outliveRetention();
      assert.equal(await shown(on), "UNSPECIFIED: away");
    });

    scene(open, "a user is idle when all sessions are; since when that is alone is not told", async (on) => {
      const phone = await on.session({ connectionId: "c1" });
      assert.equal(await idle(on, phone, "phone", { agoMs: 59_000 }), "refreshed");
      assert.equal(await shown(on), "AVAILABLE", "for less than a minute is not idle");
      await idle(on, phone);
      assert.equal(await shown(on), "AWAY");
      const { status } = await on.user();
      assertNear(status?.idleSinceMs ?? 0, (await on.harness.wallMs()) - 5 * minuteMs, 5_000, "since when");
      await idle(on, phone, "phone", { agoMs: 4 * minuteMs });
      const laptop = await on.session({ deviceId: "laptop", connectionId: "c2" });
      assert.equal(await shown(on), "AVAILABLE");
      await idle(on, laptop, "laptop");
      assert.equal(await shown(on), "AWAY");
      await idle(on, laptop, "laptop", { agoMs: 0 });
      await on.unregister({ deviceId: "laptop", sessionId: laptop });
      assert.equal(await shown(on), "AWAY");
      await idle(on, phone, "phone", { agoMs: 0 });
      assert.deepEqual((await told(on)).slice(1), [
        "STATUS online AWAY",
        "STATUS online AVAILABLE",
        "STATUS online AWAY",
        "STATUS online AVAILABLE",
        "STATUS online AWAY",
        "STATUS online AVAILABLE",
      ]);
      assert.equal((await on.user()).status, undefined);
    });

    scene(open, "a session is idle from the beginning if it says so, and in grace as it was", async (on) => {
      const idleSinceMs = (await on.harness.wallMs()) - 10 * minuteMs;
      const sessionId = await on.session({ connectionId: "c1", idleSinceMs });
      assert.deepEqual(await told(on), ["CONNECTED online AWAY"]);
      await on.unregister({ sessionId, reason: "CONNECTION_LOST" });
      const lost = await on.user();
      assert.deepEqual([lost.status?.idleSinceMs, lost.devices], [idleSinceMs, []]);
      await on.session({ connectionId: "c2", previousSessionId: sessionId, idleSinceMs });
      await on.session({ deviceId: "tablet", connectionId: "c3", idleSinceMs: idleSinceMs - 1 });
      assert.equal((await on.transitions()).length, 1);
      assert.equal((await on.user()).status?.idleSinceMs, idleSinceMs);
    });

    scene(open, "who is active in grace stays so until the grace is over", async (on) => {
      const phone = await on.session({ connectionId: "c1" });
      await idle(on, phone);
      const laptop = await on.session({ deviceId: "laptop", connectionId: "c2" });
      await on.unregister({ deviceId: "laptop", sessionId: laptop, reason: "CONNECTION_LOST" });
      assert.equal(await shown(on), "AVAILABLE");
      await on.elapse(6_000);
      assert.equal(await shown(on), "AWAY");
      assert.deepEqual((await told(on)).at(-1), "STATUS online AWAY");
    });

    scene(open, "activity is fenced as a heartbeat is, and counts as one (P1, P7)", async (on) => {
      const old = await on.session({ connectionId: "c1" });
      const sessionId = await on.session({ connectionId: "c2" });
      assert.equal(await idle(on, old), "superseded");
      assert.equal(await idle(on, "5.c9", "tablet"), "missing");
      assert.equal(await shown(on), "AVAILABLE");
      for (let step = 0; step < 3; step++) {
        await on.elapse(40_000);
        assert.equal(await idle(on, sessionId, "phone", { agoMs: 5 * minuteMs + step }), "refreshed");
      }
      assert.equal((await on.user()).online, true);
      await on.elapse(61_000);
      assert.equal((await on.user()).online, false);
      assert.equal(await idle(on, sessionId), "missing");
    });

    scene(open, "of a session's activities the one with the highest sequence holds", async (on) => {
      const sessionId = await on.session({ connectionId: "c1" });
      await idle(on, sessionId, "phone", { sequence: 5 });
      await idle(on, sessionId, "phone", { sequence: 4, agoMs: 0 });
      await idle(on, sessionId, "phone", { sequence: 5, agoMs: 0 });
      assert.equal(await shown(on), "AWAY");
      await idle(on, sessionId, "phone", { agoMs: 0 });
      assert.equal(await shown(on), "AVAILABLE", "without a sequence it is the latest");
      await idle(on, sessionId, "phone", { sequence: 5 });
      assert.equal(await shown(on), "AVAILABLE");
      await idle(on, sessionId, "phone", { sequence: 6 });
      assert.equal(await shown(on), "AWAY");
    });

    scene(open, "activity stays where a session goes under a lease, and ends with it", async (on) => {
      await on.store.openLease("lease-1", "gateway-1");
      const idleSinceMs = (await on.harness.wallMs()) - 10 * minuteMs;
      const sessionId = await on.session({ connectionId: "c1", idleSinceMs });
      assert.equal(await on.refresh({ sessionId, leaseId: "lease-1" }), "refreshed");
      assert.equal((await on.user()).status?.idleSinceMs, idleSinceMs);
      await on.store.setActivity({ userId: "anna", deviceId: "phone", sessionId }, { sequence: 0, idleSinceMs: 0 });
      assert.equal(await shown(on), "AVAILABLE");
      await idle(on, sessionId);
      await on.unregister({ sessionId, reason: "CONNECTION_LOST" });
      assert.equal(await shown(on), "AWAY");
      const leased = await on.session({ connectionId: "c2", leaseId: "lease-1", idleSinceMs });
      assert.equal((await on.store.sessionsOf("anna"))[0]?.leaseId, "lease-1");
      await on.unregister({ sessionId: leased });
      assert.equal(await shown(on), "UNSPECIFIED");
    });

    scene(open, "who is restated is so with the status", async (on) => {
      const [userId = ""] = on.usersOf(0, 1);
      await on.session({ userId });
      await set(on, { text: "busy" }, userId);
      const lease = await on.store.claim(0, "node", minuteMs);
      assert(lease !== undefined);
      const begin = (await on.store.beginRestating(0, lease.fence)) ?? 0;
      await on.store.restate("", new Map([[0, { begin, fence: lease.fence }]]));
      assert.equal((await told(on, userId)).at(-1), "RESTATED online BUSY: busy");
      assert.equal((await on.entries(0)).filter(isMark).length >= 1, true);
    });

    scene(
      open,
      "who attends is known of sessions that said so, do-not-disturb of users who are offline, too",
      async (on) => {
        assert.equal((await on.user()).attention, undefined);
        const sessionId = await on.session({ connectionId: "c1" });
        assert.equal((await on.user()).attention, undefined, "it never said anything");
        await idle(on, sessionId, "phone", { agoMs: 0 });
        const nothing = { isDoNotDisturb: false, isActive: false, isInterrupted: false, idleSinceMs: 0 };
        assert.deepEqual((await on.user()).attention, { ...nothing, isActive: true });
        await on.unregister({ sessionId, reason: "CONNECTION_LOST" });
        assert.deepEqual((await on.user()).attention, { ...nothing, isInterrupted: true });
        await on.elapse(6_000);
        assert.equal((await on.user()).attention, undefined);
        await set(on, { availability: "DO_NOT_DISTURB" });
        assert.deepEqual((await on.user()).attention, { ...nothing, isDoNotDisturb: true });
      },
    );

    scene(
      open,
      "a user with claims keeps them with many devices, and through mending",
      async (on) => {
        await set(on, { text: "busy" });
        for (let index = 0; index < 4; index++) {
          const deviceId = `device-${index}`;
          await on.unregister({ deviceId, sessionId: await on.session({ deviceId }) });
          await on.elapse(121_000);
        }
        for (let cursor = "", step = 0; step === 0 || cursor !== ""; step++) {
          ({ cursor } = await on.store.mend(cursor, new Set(on.shards)));
        }
        await on.session();
        assert.equal(await shown(on), "BUSY: busy");
      },
      { rules: { ...defaultRules, userMaxDevices: 2 } },
    );
  });
