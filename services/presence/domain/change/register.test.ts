import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultRules } from "../rules.ts";
import type { UserRecord } from "../session.ts";
import { decideRegister } from "./register.ts";
import { at, clockMs, expire, register, request, unregister, wallUs } from "./testing/sample-calls.ts";

const { ttlMs, memoryMs } = defaultRules;

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
