import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultRules } from "../rules.ts";
import { type Session, sessionIdOf, type UserRecord } from "../session.ts";
import { decideExpire } from "./expire.ts";
import { decideRegister } from "./register.ts";
import { at, clockMs, expire, register, request, unregister, wallUs } from "./testing/sample-calls.ts";

const { ttlMs, graceMs } = defaultRules;

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
