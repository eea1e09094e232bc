import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultRules } from "../rules.ts";
import { sessionIdOf, type UserRecord } from "../session.ts";
import { at, register, unregister, wallUs } from "./testing/sample-calls.ts";
import { decideUnregister } from "./unregister.ts";

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
