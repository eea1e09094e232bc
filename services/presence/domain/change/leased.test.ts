import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LeaseState } from "../lease.ts";
import { defaultRules } from "../rules.ts";
import { type Session, sessionIdOf, type UserRecord } from "../session.ts";
import { decideExpire, decideLeasedEnd } from "./expire.ts";
import { decideHeartbeat } from "./heartbeat.ts";
import { decideRegister } from "./register.ts";
import { at, clockMs, register, request, unregister } from "./testing/sample-calls.ts";

const { ttlMs } = defaultRules;

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
