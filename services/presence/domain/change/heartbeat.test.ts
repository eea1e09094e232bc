import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultRules } from "../rules.ts";
import { leastTimedOrder, sessionIdOf, type UserRecord } from "../session.ts";
import { decideHeartbeat } from "./heartbeat.ts";
import { decideRegister } from "./register.ts";
import { at, clockMs, expire, register, request, unregister } from "./testing/sample-calls.ts";

const { ttlMs, memoryMs } = defaultRules;

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
