import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  decideExpire,
  decideHeartbeat,
  decideLeasedEnd,
  decideRegister,
  decideUnregister,
  defaultRules,
  type Moment,
  type RegisterRequest,
} from "./decisions.ts";
import type { LeaseState } from "./lease.ts";
import { newOrderClock } from "./order-clock.ts";
import { leastTimedOrder, type Session, sessionIdOf, type UserRecord } from "./session.ts";

const { ttlMs, graceMs, memoryMs } = defaultRules;
const wallUs = 1_790_000_000_000_000;
const clockMs = 500_000;

/** So many ms later, on both clocks. */
function at(laterMs: number, moment: Partial<Moment> = {}): Moment {
  return {
    nowUs: wallUs + laterMs * 1_000,
    clockMs: clockMs + laterMs,
    orders: newOrderClock,
    beginUs: 0,
    beginClockMs: undefined,
    ...moment,
  };
}

function request(fields: Partial<RegisterRequest> = {}): RegisterRequest {
  return { deviceId: "phone", instanceId: "gateway-1", connectionId: "", previous: undefined, ageMs: 0, ...fields };
}

/** Registers, which must succeed. */
function register(record: UserRecord | undefined, moment: Moment, fields: Partial<RegisterRequest> = {}) {
  const decision = decideRegister(record, request(fields), moment, defaultRules);
  assert(decision.kind === "registered", decision.kind);
  return decision;
}

/** Ends with a reason, which must change the record. */
function unregister(record: UserRecord, session: Session, moment: Moment, reason: "UNSPECIFIED" | "CONNECTION_LOST") {
  const ending = { deviceId: "phone", sessionId: sessionIdOf(session), reason };
  const decision = decideUnregister(record, ending, moment, defaultRules);
  assert(decision.kind !== "left-alone", decision.kind);
  return decision;
}

function expire(record: UserRecord, session: Session, deadlineMs: number, moment: Moment) {
  const decision = decideExpire(record, { sessionId: sessionIdOf(session) }, deadlineMs, moment, defaultRules);
  assert(decision.kind === "expired");
  return decision;
}

describe("register", () => {
  test("orders are the time, above the device's highest and above the shard's begin", () => {
    const first = register(undefined, at(0));
    assert.equal(first.session.order, wallUs);
    assert.equal(register(first.record, at(0)).session.order, wallUs + 1);
    assert.equal(register(first.record, at(-5_000)).session.order, wallUs + 1);
    assert.equal(register(undefined, at(0, { beginUs: wallUs + 77 })).session.order, wallUs + 77);
  });

  test("a registration that waited takes its place by when its client was there, and yields to who came later (P7)", () => {
    const first = register(undefined, at(0), { connectionId: "c1" });
    const waited = (ageMs: number, moment = at(10_000)) =>
      decideRegister(first.record, request({ connectionId: "c2", ageMs }), moment, defaultRules);
    const second = waited(9_000);
    assert(second.kind === "registered");
    assert.equal(second.session.order, wallUs + 1_000_000);
    assert.deepEqual(waited(11_000), { kind: "superseded" });
    const gone = unregister(first.record, first.session, at(1), "UNSPECIFIED").record;
    const late = request({ connectionId: "c2", ageMs: 11_000 });
    assert.deepEqual(decideRegister(gone, late, at(10_000), defaultRules), { kind: "superseded" });
  });

  test("an age of less than a second does not count, nor one beside a session that comes back", () => {
    const first = register(undefined, at(0), { connectionId: "c1" });
    assert.equal(register(first.record, at(10), { connectionId: "c2", ageMs: 999 }).session.order, wallUs + 10_000);
    const previous = { order: wallUs + 5, connectionId: "c2" };
    const back = register(first.record, at(10), { connectionId: "c2", previous, ageMs: 60_000 });
    assert.equal(back.session.order, wallUs + 5);
  });

  test("after a step of the wall clock, and after a begin, an age says as ever who came later (P1, P7)", () => {
    const steppedBack = { aheadUs: 15_000_000, jumpedUs: 0, levelUs: 0 };
    const begun = { aheadUs: 0, jumpedUs: wallUs + 10_000_000, levelUs: wallUs + 30_000_000 };
    const first = register(undefined, at(0), { connectionId: "c1" });
    for (const moment of [at(-3_000, { orders: steppedBack }), at(12_000, { orders: begun })]) {
      const aged = (ageMs: number) =>
        decideRegister(first.record, request({ connectionId: "c2", ageMs }), moment, defaultRules);
      // Both are 12 s after the first registration.
      assert.deepEqual(aged(12_100), { kind: "superseded" });
      const second = aged(11_900);
      assert(second.kind === "registered");
      assert.equal(second.session.order, wallUs + 100_000);
      const newest = register(first.record, moment, { connectionId: "c3", ageMs: 1_000 });
      const older = request({ connectionId: "c2", ageMs: 1_100 });
      assert.deepEqual(decideRegister(newest.record, older, moment, defaultRules), { kind: "superseded" });
    }
  });

  test("an age does not count beside orders that are ahead of their clock (P1)", () => {
    const first = register(undefined, at(0), { connectionId: "c1" });
    const second = register(first.record, at(-5_000), { connectionId: "c2", ageMs: 2_000 });
    assert.equal(second.session.order, wallUs + 1);
  });

  test("a registration is never so old that its order is none", () => {
    assert.equal(register(undefined, at(0), { ageMs: Number.MAX_SAFE_INTEGER / 1_000 }).session.order, 1);
  });

  test("a replaced session leaves a tombstone; the tombstones are limited, the newest first", () => {
    let { record } = register(undefined, at(0), { connectionId: "c0" });
    for (let next = 1; next <= 12; next++) record = register(record, at(next), { connectionId: `c${next}` }).record;
    const { current, tombstones } = record.devices.get("phone") ?? assert.fail();
    assert.equal(current?.session.connectionId, "c12");
    assert.deepEqual(
      tombstones.map(({ connectionId, ending }) => [connectionId, ending]),
      [11, 10, 9, 8, 7, 6, 5, 4].map((number) => [`c${number}`, "replaced"]),
    );
  });

  test("old tombstones go when a new one comes, and only then", () => {
    const first = register(undefined, at(0), { connectionId: "c1" });
    const second = register(first.record, at(1), { connectionId: "c2" });
    const later = at(memoryMs + 1);
    const ended = unregister(second.record, second.session, later, "UNSPECIFIED");
    const names = (record: UserRecord) =>
      record.devices.get("phone")?.tombstones.map(({ connectionId }) => connectionId);
    assert.deepEqual(names(second.record), ["c1"]);
    assert.deepEqual(names(ended.record), ["c2"]);
  });

  test("a session without connection_id is contested when another one was there lately", () => {
    const first = register(undefined, at(0));
    assert.equal(first.session.contestedUntilMs, 0);
    assert.equal(register(first.record, at(0)).session.contestedUntilMs, clockMs + memoryMs);
    assert.equal(register(first.record, at(0), { connectionId: "c1" }).session.contestedUntilMs, 0);
    const { record } = unregister(first.record, first.session, at(0), "UNSPECIFIED");
    const justWithin = at(memoryMs - 1);
    assert.equal(register(record, justWithin).session.contestedUntilMs, justWithin.clockMs + memoryMs);
    assert.equal(register(record, at(memoryMs)).session.contestedUntilMs, 0);
  });

  test("while the shard has just begun anew every session without connection_id is contested", () => {
    const moment = at(0, { beginClockMs: clockMs + 1 - memoryMs });
    assert.equal(register(undefined, moment).session.contestedUntilMs, clockMs + memoryMs);
  });

  test("taking over from grace ends the session that was lost, without a change", () => {
    const first = register(undefined, at(0), { connectionId: "c1" });
    const lost = unregister(first.record, first.session, at(1), "CONNECTION_LOST");
    const second = register(lost.record, at(2), { connectionId: "c2" });
    assert.equal(second.transition, undefined);
    assert.equal(second.replaced?.state, "grace");
    assert.equal(second.record.devices.get("phone")?.tombstones[0]?.ending, "ended");
  });

  test("a device too many is refused until another one is forgotten", () => {
    const rules = { ...defaultRules, userMaxDevices: 1 };
    const { record, session } = register(undefined, at(0));
    const gone = unregister(record, session, at(0), "UNSPECIFIED").record;
    const laptop = request({ deviceId: "laptop" });
    for (const full of [record, gone]) {
      assert.deepEqual(decideRegister(full, laptop, at(memoryMs - 1), rules), { kind: "too-many-devices" });
    }
    const decision = decideRegister(gone, laptop, at(memoryMs), rules);
    assert(decision.kind === "registered");
    assert.deepEqual([...decision.record.devices.keys()], ["laptop"]);
  });

  test("decisions leave the record that they were given as it was", () => {
    const first = register(undefined, at(0));
    const before = structuredClone(first.record);
    register(first.record, at(1));
    unregister(first.record, first.session, at(1), "CONNECTION_LOST");
    expire(first.record, first.session, clockMs + ttlMs, at(ttlMs));
    assert.deepEqual(first.record, before);
  });
});

describe("unregister", () => {
  test("the record remembers the time of the last sign of life", () => {
    const { record, session } = register(undefined, at(0));
    const ended = unregister(record, session, at(1_000), "UNSPECIFIED");
    assert.equal(ended.record.lastSeenMs, wallUs / 1_000 + 1_000);
    assert.deepEqual(ended.kind === "ended" && ended.transition, {
      online: false,
      cause: "DISCONNECTED",
      deviceId: "phone",
      instanceId: "gateway-1",
    });
  });

  test("logging out during grace keeps the time when the connection was lost", () => {
    const { record, session } = register(undefined, at(0));
    const lost = unregister(record, session, at(1_000), "CONNECTION_LOST");
    const ended = unregister(lost.record, session, at(3_000), "UNSPECIFIED");
    assert(ended.kind === "ended" && ended.was === "grace");
    assert.equal(ended.record.lastSeenMs, wallUs / 1_000 + 1_000);
  });

  test("says why it leaves a session alone", () => {
    const first = register(undefined, at(0));
    const second = register(first.record, at(1));
    const why = (record: UserRecord | undefined, sessionId: string, deviceId = "phone") => {
      const decision = decideUnregister(record, { deviceId, sessionId, reason: "UNSPECIFIED" }, at(2), defaultRules);
      return decision.kind === "left-alone" ? decision.why : decision.kind;
    };
    assert.equal(why(undefined, ""), "absent");
    assert.equal(why(second.record, "", "laptop"), "absent");
    assert.equal(why(second.record, sessionIdOf(first.session)), "fenced");
    assert.equal(why(second.record, ""), "contested");
    assert.equal(why(second.record, sessionIdOf(second.session)), "ended");
    assert.equal(why(register(undefined, at(0), { connectionId: "c1" }).record, ""), "fenced");
  });
});

describe("expire", () => {
  test("the last sign of life is a TTL before the deadline, as the shard clock counts", () => {
    const { record, session } = register(undefined, at(0));
    const deadlineMs = clockMs + 20_000 + ttlMs;
    const { record: after, transition } = expire(record, session, deadlineMs, at(20_000 + ttlMs + 300));
    assert.equal(after.lastSeenMs, wallUs / 1_000 + 20_000);
    assert.equal(transition?.cause, "EXPIRED");
  });

  test("a deadline whose session was replaced, lost or forgotten is stale (P1)", () => {
    const first = register(undefined, at(0), { connectionId: "c1" });
    const second = register(first.record, at(1), { connectionId: "c2" });
    const lost = unregister(second.record, second.session, at(2), "CONNECTION_LOST");
    const member = (session: Session) => ({ sessionId: sessionIdOf(session) });
    const decide = (record: UserRecord | undefined, due: { sessionId: string } | { graceOf: string }) =>
      decideExpire(record, due, clockMs, at(ttlMs), defaultRules).kind;
    assert.equal(decide(undefined, member(first.session)), "stale");
    assert.equal(decide(second.record, member(first.session)), "stale");
    assert.equal(decide(second.record, { graceOf: "phone" }), "stale");
    assert.equal(decide(lost.record, member(second.session)), "stale");
    assert.equal(decide(lost.record, { graceOf: "laptop" }), "stale");
    assert.equal(decide(lost.record, { graceOf: "phone" }), "expired");
  });

  test("of two devices with the same session_id the one that is due goes, where the store knows it", () => {
    const named = { connectionId: "c1", previous: { order: 5, connectionId: "c1" } };
    const phone = register(undefined, at(0), named);
    const { record } = register(phone.record, at(1), { ...named, deviceId: "laptop" });
    const due = { sessionId: "5.c1", deviceId: "laptop" };
    const decision = decideExpire(record, due, clockMs, at(ttlMs), defaultRules);
    assert(decision.kind === "expired");
    assert.equal(decision.deviceId, "laptop");
  });

  test("sessions without connection_id of two devices differ, though one previous_session_id is sent for both", () => {
    const named = { previous: { order: 5, connectionId: "" } };
    const phone = register(undefined, at(0), named);
    const laptop = register(phone.record, at(1), { ...named, deviceId: "laptop" });
    assert.deepEqual([phone.session.order, laptop.session.order], [5, 6]);
    const again = register(laptop.record, at(2), { ...named, deviceId: "laptop" });
    assert.equal(again.session.order, 6);
  });

  test("when grace runs out the session ended, so that its connection cannot come back", () => {
    const { record, session } = register(undefined, at(0), { connectionId: "c1" });
    const lost = unregister(record, session, at(1), "CONNECTION_LOST");
    const gone = decideExpire(lost.record, { graceOf: "phone" }, clockMs, at(graceMs + 1), defaultRules);
    assert(gone.kind === "expired");
    assert.equal(gone.transition?.cause, "CONNECTION_LOST");
    const back = decideRegister(gone.record, request({ connectionId: "c1" }), at(graceMs + 2), defaultRules);
    assert.equal(back.kind, "ended");
  });
});

describe("heartbeat", () => {
  const beat = (record: UserRecord | undefined, sessionId: string, moment = at(2)) =>
    decideHeartbeat(record, { deviceId: "phone", sessionId, instanceId: "gateway-9" }, moment, defaultRules);

  test("tells apart who lives, who was replaced and who is gone", () => {
    const first = register(undefined, at(0), { connectionId: "c1" });
    const second = register(first.record, at(1), { connectionId: "c2" });
    const secondId = sessionIdOf(second.session);
    assert.deepEqual(beat(second.record, secondId), { kind: "live", sessionId: secondId, record: second.record });
    assert.deepEqual(beat(second.record, sessionIdOf(first.session)), { kind: "superseded" });
    assert.deepEqual(beat(second.record, ""), { kind: "superseded" });
    assert.deepEqual(beat(second.record, "nonsense"), { kind: "missing" });
    assert.deepEqual(beat(undefined, secondId), { kind: "missing" });
    const ended = unregister(second.record, second.session, at(2), "UNSPECIFIED");
    assert.deepEqual(beat(ended.record, secondId), { kind: "missing" });
  });

  test("is not superseded by its own connection, which a late call registered again after a loss", () => {
    const lost = register(undefined, at(0), { connectionId: "c1" });
    const again = register(undefined, at(1), { connectionId: "c1" });
    const lostId = sessionIdOf(lost.session);
    assert.deepEqual(beat(again.record, lostId), { kind: "missing" });
    const back = decideRegister(again.record, request({ connectionId: "c1" }), at(2), defaultRules);
    assert(back.kind === "repeated");
    assert.deepEqual(back.session, again.session);
    const replaced = register(again.record, at(3), { connectionId: "c2" });
    assert.deepEqual(beat(replaced.record, lostId), { kind: "superseded" });
  });

  test("without session_id it revives what expired, not what ended", () => {
    const { record, session } = register(undefined, at(0), { instanceId: "gateway-7" });
    const expired = expire(record, session, clockMs + ttlMs, at(ttlMs));
    const later = at(ttlMs + 5_000);
    const revival = beat(expired.record, "", later);
    assert(revival.kind === "revived");
    assert.deepEqual(revival.session, { ...session, contestedUntilMs: later.clockMs + memoryMs });
    assert.deepEqual(revival.transition, {
      online: true,
      cause: "CONNECTED",
      deviceId: "phone",
      instanceId: "gateway-7",
    });
    assert.deepEqual(revival.record.devices.get("phone")?.tombstones, []);
    const ended = unregister(record, session, at(1), "UNSPECIFIED");
    assert.equal(beat(ended.record, "", later).kind, "missing");
  });

  test("without session_id it registers a device of whom nothing is known, with an order below all others", () => {
    const phone = beat(undefined, "");
    assert(phone.kind === "revived");
    assert.deepEqual(phone.session, {
      order: at(2).nowUs % leastTimedOrder,
      connectionId: "",
      instanceId: "gateway-9",
      contestedUntilMs: at(2).clockMs + memoryMs,
    });
    // One session_id for two devices would be one deadline for two.
    const laptop = { deviceId: "laptop", sessionId: "", instanceId: "gateway-9" };
    const second = decideHeartbeat(phone.record, laptop, at(2), defaultRules);
    assert(second.kind === "revived");
    assert.equal(second.session.order, phone.session.order + 1);
    const expired = expire(phone.record, phone.session, clockMs + ttlMs, at(ttlMs));
    const later = decideHeartbeat(expired.record, laptop, { ...at(ttlMs), nowUs: at(2).nowUs }, defaultRules);
    assert(later.kind === "revived");
    assert.equal(later.session.order, phone.session.order + 1, "the phone may come back");
    const previous = { order: at(0).nowUs - 86_400_000_000, connectionId: "c1" };
    const back = register(phone.record, at(4), { connectionId: "c1", previous });
    assert.equal(back.session.order, previous.order);
  });

  test("without session_id it is missing when the user has no room for another device", () => {
    const rules = { ...defaultRules, userMaxDevices: 1 };
    const { record } = register(undefined, at(0), { deviceId: "laptop" });
    const decision = decideHeartbeat(record, { deviceId: "phone", sessionId: "", instanceId: "g" }, at(1), rules);
    assert.deepEqual(decision, { kind: "missing" });
  });
});

describe("after a loss", () => {
  const beginClockMs = clockMs + 10;
  const since = (laterMs: number) => at(10 + laterMs, { beginUs: wallUs + 10_000_000, beginClockMs });
  const beat = (record: UserRecord, moment: Moment) =>
    decideHeartbeat(record, { deviceId: "phone", sessionId: "", instanceId: "gateway-9" }, moment, defaultRules);

  test("a user's last session is left in grace until the recovery ends, whatever the reason (P1)", () => {
    const { record, session } = register(undefined, at(0), { connectionId: "c1" });
    for (const reason of ["UNSPECIFIED", "CONNECTION_LOST"] as const) {
      const left = unregister(record, session, since(1_000), reason);
      assert(left.kind === "grace");
      assert.equal(left.earliestMs, beginClockMs + ttlMs);
      assert.equal(left.record.online, true);
      assert.equal(left.record.devices.get("phone")?.current?.state, "grace");
    }
    assert.equal(unregister(record, session, since(ttlMs), "UNSPECIFIED").kind, "ended");
    const lost = unregister(record, session, since(1_000), "CONNECTION_LOST");
    const again = unregister(lost.record, session, since(2_000), "UNSPECIFIED");
    assert(again.kind === "grace");
    assert.equal(again.earliestMs, beginClockMs + ttlMs);
  });

  test("a session that is not the user's last ends as ever", () => {
    const phone = register(undefined, at(0), { connectionId: "c1" });
    const { record } = register(phone.record, at(0), { deviceId: "laptop", connectionId: "c2" });
    assert.equal(unregister(record, phone.session, since(0), "UNSPECIFIED").kind, "ended");
  });

  test("an Unregister without session_id may mean a session whose successor was lost: contested (P1)", () => {
    const { record } = register(undefined, at(0));
    const ending = { deviceId: "phone", sessionId: "", reason: "UNSPECIFIED" } as const;
    const contested = { kind: "left-alone", why: "contested" };
    assert.deepEqual(decideUnregister(record, ending, since(memoryMs - 1), defaultRules), contested);
    assert.equal(decideUnregister(record, ending, since(memoryMs), defaultRules).kind, "ended");
  });

  test("a heartbeat without session_id revives for two minutes what ended before the begin (P1)", () => {
    const { record, session } = register(undefined, at(0), { instanceId: "gateway-7" });
    const before = unregister(record, session, at(9), "UNSPECIFIED").record;
    const revival = beat(before, since(memoryMs - 1));
    assert(revival.kind === "revived");
    assert.deepEqual([revival.session.order, revival.session.instanceId], [session.order, "gateway-7"]);
    assert.equal(revival.session.contestedUntilMs, since(memoryMs - 1).clockMs + memoryMs);
    assert.equal(beat(before, since(memoryMs)).kind, "missing");
    const afterwards = unregister(record, session, since(ttlMs), "UNSPECIFIED").record;
    assert.equal(beat(afterwards, since(ttlMs + 1)).kind, "missing");
  });

  test("a heartbeat without session_id revives what was left in grace before the begin (P1)", () => {
    const { record, session } = register(undefined, at(0));
    const lost = unregister(record, session, at(9), "CONNECTION_LOST").record;
    assert.equal(beat(lost, at(9)).kind, "missing");
    assert.equal(beat(lost, since(1)).kind, "revived");
    const token = register(undefined, at(0), { connectionId: "c1" });
    const gone = unregister(token.record, token.session, at(9), "CONNECTION_LOST").record;
    assert.equal(beat(gone, since(1)).kind, "missing");
  });

  test("a heartbeat without session_id takes the place of an ended session with connection_id, below it", () => {
    const { record, session } = register(undefined, at(0), { connectionId: "c1", instanceId: "gateway-7" });
    const before = unregister(record, session, at(9), "UNSPECIFIED").record;
    const revival = beat(before, since(1));
    assert(revival.kind === "revived");
    assert.deepEqual(
      [revival.session.order, revival.session.instanceId],
      [since(1).nowUs % leastTimedOrder, "gateway-9"],
    );
  });

  test("sessions without connection_id of one user get different orders while the begin is ahead of the clock", () => {
    const phone = register(undefined, since(0));
    const laptop = register(phone.record, since(1), { deviceId: "laptop" });
    const { beginUs } = since(0);
    assert.deepEqual([phone.session.order, laptop.session.order], [beginUs, beginUs + 1]);
  });
});

describe("under a lease", () => {
  const lease = (state: LeaseState | undefined) => ({ id: "L", state, instanceId: "gateway-9" });
  const under = (record: UserRecord | undefined) => record?.devices.get("phone")?.current?.leaseId;
  const verify = (record: UserRecord | undefined, session: Session, state: LeaseState | undefined = "open") => {
    const heartbeat = { deviceId: "phone", sessionId: sessionIdOf(session), instanceId: "", lease: lease(state) };
    return decideHeartbeat(record, heartbeat, at(9), defaultRules);
  };

  test("a session is registered only while the lease is open", () => {
    const first = register(undefined, at(0), { connectionId: "c1", lease: lease("open") });
    assert.equal(under(first.record), "L");
    for (const [state, kind] of [
      [undefined, "lease-missing"],
      ["lost", "lease-missing"],
      ["closed", "lease-closed"],
    ] as const) {
      const call = request({ connectionId: "c1", lease: lease(state) });
      assert.deepEqual(decideRegister(first.record, call, at(1), defaultRules), { kind });
    }
  });

  test("a session goes by a repeated call, and by a verification; without lease_id it stays where it is", () => {
    const { record, session } = register(undefined, at(0), { connectionId: "c1" });
    const repeated = decideRegister(record, request({ connectionId: "c1", lease: lease("open") }), at(1), defaultRules);
    assert(repeated.kind === "repeated");
    assert.equal(under(repeated.record), "L");
    const verified = verify(record, session);
    assert(verified.kind === "live");
    assert.equal(under(verified.record), "L");
    const again = decideRegister(verified.record, request({ connectionId: "c1" }), at(2), defaultRules);
    assert(again.kind === "repeated");
    assert.equal(again.record, verified.record);
    assert.deepEqual(verify(record, session, "lost"), { kind: "missing" });
  });

  test("a session that is due by itself is not taken down, nor one of another lease", () => {
    const { record, session } = register(undefined, at(0), { connectionId: "c1", lease: lease("open") });
    const due = { sessionId: sessionIdOf(session), leaseId: "L" };
    assert.deepEqual(decideExpire(record, due, 0, at(ttlMs), defaultRules), { kind: "stale" });
    const ofAnother = { ...due, leaseId: "M" };
    assert.deepEqual(decideLeasedEnd(record, ofAnother, "lost", 0, at(1), defaultRules), { kind: "stale" });
  });

  test("a session goes with its lease, as expired or as ended, and only what expired is verified back", () => {
    const { record, session } = register(undefined, at(0), { connectionId: "c1", lease: lease("open") });
    const due = { sessionId: sessionIdOf(session), leaseId: "L" };
    const ends = (how: "lost" | "closed" | "unverified") => {
      const decision = decideLeasedEnd(record, due, how, clockMs + 1, at(5), defaultRules);
      assert(decision.kind === "expired");
      const back = verify(decision.record, session);
      return [decision.transition?.cause, decision.record.lastSeenMs, back.kind];
    };
    const seenMs = at(1).nowUs / 1_000;
    assert.deepEqual(ends("lost"), ["INSTANCE_LOST", seenMs, "revived"]);
    assert.deepEqual(ends("unverified"), ["EXPIRED", seenMs, "revived"]);
    assert.deepEqual(ends("closed"), ["CONNECTION_LOST", seenMs, "superseded"]);
  });

  test("what a verification brings back has its place, and the gateway of the lease", () => {
    const { session } = register(undefined, at(0), { connectionId: "c1" });
    const back = verify(undefined, session);
    assert(back.kind === "revived");
    assert.deepEqual(back.session, { ...session, instanceId: "gateway-9" });
    const later = register(undefined, at(1), { connectionId: "c2" });
    assert.deepEqual(verify(later.record, session), { kind: "superseded" });
    const waiting = register(undefined, at(0), { connectionId: "c1", lease: lease("open") });
    const lost = unregister(waiting.record, waiting.session, at(1), "CONNECTION_LOST");
    assert.equal(under(lost.record), undefined);
    assert.deepEqual(verify(lost.record, session), { kind: "superseded" });
  });

  test("what would come back by another session_id is missing: its gateway registers it again, and hears by which", () => {
    const { session } = register(undefined, at(0), { connectionId: "c1" });
    const ofAClockAhead = { ...session, order: at(60).nowUs };
    assert.deepEqual(verify(undefined, ofAClockAhead), { kind: "missing" });
  });
});
