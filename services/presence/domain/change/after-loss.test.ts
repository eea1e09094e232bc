import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Moment } from "../moment.ts";
import { defaultRules } from "../rules.ts";
import { leastTimedOrder, type UserRecord } from "../session.ts";
import { decideHeartbeat } from "./heartbeat.ts";
import { at, clockMs, register, unregister, wallUs } from "./testing/sample-calls.ts";
import { decideUnregister } from "./unregister.ts";

const { ttlMs, memoryMs } = defaultRules;

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
