import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  Availability,
  type ClearStatusRequest,
  type SetStatusRequest,
  TransitionCause,
  type StatusClaim as WireClaim,
  StatusClaim as WireClaims,
  UserStatus as WireStatus,
} from "@realchat/presence-proto/presence";
import { FakeClock } from "@realchat/presence-runtime/testing";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import type { PresenceChange } from "../presence-change.ts";
import { PresenceClientError } from "../presence-client-error.ts";
import { SessionKeeper } from "../sessions/session-keeper.ts";
import { away, ScriptedPresence } from "../testing/scripted-presence.ts";
import { wallMsOf, wallTimeOf } from "../wall-time.ts";
import { StatusKeeper, type StatusKeeperOptions } from "./status-keeper.ts";
import { plainStatus } from "./user-status.ts";

/** Presence that has claims, remembers no clearing, and fails as it is told to. */
function keeping(options: Partial<StatusKeeperOptions> = {}) {
  const clock = new FakeClock();
  const claims = new Map<string, WireClaim>();
  const calls: SetStatusRequest[] = [];
  const state = {
    fault: undefined as PresenceClientError | undefined,
    version: clock.nowUs(),
    /** Claims change nothing that people see, of users who never came. */
    isUnseen: false,
    /** What people see instead of claims that are set now. */
    shown: undefined as WireClaim | undefined,
    answers: Promise.resolve(),
    /** GetStatus answers after it, with what was there before. */
    asked: Promise.resolve(),
  };
  const answerOf = (claim: WireClaim | undefined) => {
    const { availability = Availability.AVAILABILITY_AVAILABLE, text = "", emoji = "" } = claim ?? {};
    return {
      version: state.isUnseen ? 0 : state.version,
      status: WireStatus.fromPartial({ availability, text, emoji }),
    };
  };
  const fail = async () => {
    await state.answers;
    if (state.fault !== undefined) throw state.fault;
  };
  const api = {
    async setStatus(request: SetStatusRequest) {
      const claim = WireClaims.fromPartial(request.claim ?? {});
      calls.push(request);
      await fail();
      const key = `${request.userId} ${claim.claimId}`;
      const setAt = claim.setAt ?? wallTimeOf(clock.nowUs() / 1_000);
      const before = claims.get(key);
      if (before !== undefined && wallMsOf(setAt) <= wallMsOf(before.setAt)) return answerOf(before);
      claims.set(key, { ...claim, setAt });
      if (state.shown !== undefined) return answerOf(state.shown);
      state.version = Math.max(state.version + 1, clock.nowUs());
      return answerOf(claim);
    },
    async clearStatus({ userId, claimId }: ClearStatusRequest) {
      await fail();
      claims.delete(`${userId} ${claimId}`);
      return answerOf(undefined);
    },
    async getStatus() {
      const answer = { ...answerOf([...claims.values()][0]), claims: [...claims.values()] };
      await state.asked;
      return answer;
    },
  } as unknown as PresenceApi;
  const keeper = new StatusKeeper({ channels: { api }, clock, ...options });
  return { clock, claims, calls, state, keeper };
}

/** A change of the status alone. */
function changeTo(text: string, version: number): PresenceChange {
  return {
    ...{ userId: "ada", online: true, version, lastSeenMs: 0, shard: 1, deviceId: "", instanceId: "" },
    status: { ...plainStatus(true), text },
    cause: TransitionCause.TRANSITION_CAUSE_STATUS,
  };
}

describe("a status", () => {
  test("is set, told and cleared; the user's own unless another claim is named", async () => {
    const { keeper, calls, clock } = keeping();
    const untilMs = clock.nowUs() / 1_000 + 60_000;
    const { status } = await keeper.setStatus("ada", { availability: "busy", text: "review", expiresAtMs: untilMs });
    assert.deepEqual([status.availability, status.text], ["busy", "review"]);
    await keeper.setStatus("bob", { claimId: "calendar", emoji: "📅" });
    assert.deepEqual(
      calls.map(({ userId, claim }) => [userId, claim?.claimId, claim?.source, wallMsOf(claim?.expiresAt)]),
      [
        ["ada", "self", 1, untilMs],
        ["bob", "calendar", 2, 0],
      ],
    );
    const { claims } = await keeper.getStatus("ada");
    assert.deepEqual([claims[0]?.claimId, claims[0]?.availability, claims[0]?.text], ["self", "busy", "review"]);
    assert.equal((await keeper.clearStatus("ada")).status, plainStatus(true));
    const { set, cleared, bounds } = keeper.metrics();
    assert.deepEqual([set, cleared, bounds.claims.used], [2, 1, 1]);
  });

  test("is said again after a loss, as it was, and stays what it was where nothing was lost", async () => {
    const { keeper, claims, calls, clock, state } = keeping();
    await keeper.setStatus("ada", { text: "review" });
    await keeper.setStatus("bob", { text: "lunch", setAtMs: clock.nowUs() / 1_000 - 5_000 });
    const before = new Map([...claims].map(([key, claim]) => [key, wallMsOf(claim.setAt)]));
    await clock.advance(60_000);
    const { version } = state;
    keeper.sayAgain();
    await clock.advance(2_000);
    assert.deepEqual([calls.length, state.version], [4, version]);
    claims.clear();
    keeper.sayAgain();
    await clock.advance(2_000);
    assert.deepEqual(new Map([...claims].map(([key, claim]) => [key, wallMsOf(claim.setAt)])), before);
    assert.equal(wallMsOf(claims.get("ada self")?.expiresAt), (before.get("ada self") ?? 0) + 30 * 86_400_000);
    assert.deepEqual([keeper.metrics().losses, keeper.metrics().saidAgain], [2, 4]);
  });

  test("that another claim hides is said again as of when it was said, not of when people saw a change last", async () => {
    const { keeper, claims, clock, state } = keeping();
    const self = { availability: "busy" } as const;
    await keeper.setStatus("ada", self);
    state.shown = claims.get("ada self");
    await clock.advance(1_000);
    await keeper.setStatus("ada", { claimId: "calendar", text: "meeting" });
    const meeting = claims.get("ada calendar") as WireClaim;
    await clock.advance(1_000);
    await keeper.setStatus("ada", { claimId: "calendar", text: "meeting, longer" });
    const later = claims.get("ada calendar");
    // The store came back with what it had before.
    claims.set("ada calendar", meeting);
    keeper.sayAgain();
    await clock.advance(2_000);
    assert.deepEqual(
      [claims.get("ada calendar")?.text, claims.get("ada calendar")?.setAt],
      [later?.text, later?.setAt],
    );
  });

  test("that another claim hides is not remembered once it was cleared, whatever is learned of it meanwhile", async () => {
    const { keeper, claims, clock, state } = keeping();
    await keeper.setStatus("ada", { availability: "busy" });
    state.shown = claims.get("ada self");
    const asked = Promise.withResolvers<void>();
    state.asked = asked.promise;
    const set = keeper.setStatus("ada", { claimId: "calendar", text: "meeting" });
    await clock.advance(0);
    await keeper.clearStatus("ada", { claimId: "calendar" });
    asked.resolve();
    await set;
    keeper.sayAgain();
    await clock.advance(2_000);
    assert.deepEqual([...claims.keys()], ["ada self"]);
  });

  test("is said again though it changed nothing at first, as of somebody whom presence never saw", async () => {
    const { keeper, claims, clock, state } = keeping();
    state.isUnseen = true;
    await keeper.setStatus("ada", { availability: "busy" });
    claims.clear();
    keeper.sayAgain();
    await clock.advance(2_000);
    assert.deepEqual([...claims.keys()], ["ada self"]);
  });

  test("is said again until presence takes it, and never after its end", async () => {
    const { keeper, claims, clock, state, calls } = keeping();
    const untilMs = clock.nowUs() / 1_000 + 300_000;
    await keeper.setStatus("ada", { text: "review" });
    await keeper.setStatus("bob", { text: "lunch", expiresAtMs: untilMs });
    claims.clear();
    state.fault = away;
    keeper.sayAgain();
    await clock.advance(60_000);
    const attempts = calls.length;
    assert.ok(attempts >= 8 && attempts <= 40, `${attempts} calls in a minute`);
    assert.equal(keeper.metrics().bounds.claimsToSay.used, 2);
    await clock.advance(300_000);
    assert.equal(keeper.metrics().bounds.claimsToSay.used, 1);
    state.fault = undefined;
    await clock.advance(20_000);
    assert.deepEqual([...claims.keys()], ["ada self"]);
  });

  test("that its user changed or cleared through another process is not brought back", async () => {
    const { keeper, claims, clock, state } = keeping();
    await keeper.setStatus("ada", { text: "review" });
    keeper.heard(changeTo("", state.version - 1));
    keeper.heard({ ...changeTo("", state.version + 1), cause: TransitionCause.TRANSITION_CAUSE_RESTATED });
    keeper.heard(changeTo("review", state.version + 1));
    assert.equal(keeper.metrics().bounds.claims.used, 1);
    keeper.heard(changeTo("", state.version + 1));
    await clock.advance(60_000);
    claims.clear();
    keeper.sayAgain();
    await clock.advance(10_000);
    assert.equal(claims.size, 0);
  });

  test("is said again though another claim shows since the loss, which may be noticed later", async () => {
    const { keeper, claims, clock, state } = keeping();
    await keeper.setStatus("ada", { text: "review" });
    await clock.advance(60_000);
    for (const isNoticed of [true, false]) {
      claims.clear();
      if (isNoticed) keeper.sayAgain();
      keeper.heard(changeTo("in a call", state.version + 1));
      await clock.advance(5_000);
      if (!isNoticed) keeper.sayAgain();
      await clock.advance(10_000);
      assert.equal(claims.size, 1, isNoticed ? "heard of after the loss" : "heard of before the loss");
    }
    await clock.advance(60_000);
    claims.clear();
    keeper.sayAgain();
    await clock.advance(10_000);
    assert.equal(claims.size, 1, "what was said again shows");
  });

  test("that was said again is not replaced by what showed before that and is heard late", async () => {
    const { keeper, claims, clock, state } = keeping();
    await keeper.setStatus("ada", { text: "review" });
    await clock.advance(60_000);
    const late = changeTo("in a call", state.version + 1);
    for (const loss of ["first", "second"]) {
      claims.clear();
      keeper.sayAgain();
      await clock.advance(10_000);
      assert.equal(claims.size, 1, `after the ${loss} loss`);
      keeper.heard(late);
      await clock.advance(60_000);
    }
  });

  test("that is cleared while it is being said again stays cleared", async () => {
    const { keeper, claims, clock, state } = keeping();
    await keeper.setStatus("ada", { text: "review" });
    claims.clear();
    const { promise, resolve } = Promise.withResolvers<void>();
    state.answers = promise;
    keeper.sayAgain();
    await clock.advance(2_000);
    const cleared = keeper.clearStatus("ada");
    await clock.advance(0);
    resolve();
    await cleared;
    await clock.advance(10_000);
    assert.equal(claims.size, 0);
  });

  test("that presence did not take, since something was said after it, is not said again either", async () => {
    const { keeper, claims, clock } = keeping();
    await keeper.setStatus("ada", { text: "later" });
    await keeper.setStatus("ada", { text: "earlier", setAtMs: clock.nowUs() / 1_000 - 60_000 });
    claims.clear();
    keeper.sayAgain();
    await clock.advance(10_000);
    assert.deepEqual(
      [...claims.values()].map(({ text }) => text),
      ["later"],
    );
  });

  test("that presence could not clear is still said again", async () => {
    const { keeper, claims, clock, state } = keeping();
    await keeper.setStatus("ada", { text: "review" });
    state.fault = away;
    await assert.rejects(keeper.clearStatus("ada"), away);
    state.fault = undefined;
    claims.clear();
    keeper.sayAgain();
    await clock.advance(10_000);
    assert.equal(claims.size, 1);
  });

  test("that was to be said again when presence could not clear it is so still", async () => {
    const { keeper, claims, clock, state } = keeping();
    await keeper.setStatus("ada", { text: "review" });
    state.fault = away;
    claims.clear();
    keeper.sayAgain();
    for (let attempt = 0; attempt < 5; attempt++) {
      await assert.rejects(keeper.clearStatus("ada"), away);
      await clock.advance(1_000);
    }
    state.fault = undefined;
    await clock.advance(20_000);
    assert.equal(claims.size, 1);
  });

  test("that presence refuses is told to the caller, and not remembered", async () => {
    const { keeper, state } = keeping();
    state.fault = new PresenceClientError("INVALID_ARGUMENT", "claim.text has 141 code points, limit 140");
    await assert.rejects(keeper.setStatus("ada", { text: "x" }), state.fault);
    const { failures, bounds } = keeper.metrics();
    assert.deepEqual([failures, bounds.claims.used], [1, 0]);
  });

  test("of too many is not said again, the oldest first; and all at a bounded rate", async () => {
    const { keeper, claims, calls, clock } = keeping({ claimsMax: 80, callsPerSecond: 10 });
    for (let user = 0; user < 100; user++) await keeper.setStatus(`u${user}`, { text: "here" });
    const { forgotten, bounds } = keeper.metrics();
    assert.ok(bounds.claims.used <= 80 && bounds.claims.used >= 70, `${bounds.claims.used} are remembered`);
    assert.equal(forgotten, 100 - bounds.claims.used);
    claims.clear();
    calls.length = 0;
    keeper.sayAgain();
    await clock.advance(4_000);
    assert.ok(calls.length > 10 && calls.length <= 50, `${calls.length} calls in 4 s`);
    await clock.advance(20_000);
    assert.equal(claims.size, bounds.claims.used);
    assert.ok(claims.has("u99 self"));
    keeper.stop();
  });
});

test("a gateway's lease tells that presence may have lost what was said", async () => {
  const clock = new FakeClock();
  const presence = new ScriptedPresence(clock, { hasLeases: true });
  let losses = 0;
  const statuses = { sayAgain: () => losses++ };
  const sessions = new SessionKeeper({ channels: presence, instanceId: "gw-1", clock, statuses });
  await clock.advance(20_000);
  assert.equal(losses, 0);
  presence.lose();
  await clock.advance(20_000);
  assert.equal(losses, 1);
  const drained = sessions.drain();
  await clock.advance(10_000);
  await drained;
});
