import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KnownSessions } from "./known-sessions.ts";

const session = (sessionId: string) => ({ sessionId, generation: 1, instanceId: "gateway-1" });

describe("sessions that a node remembers", () => {
  test("are found by user and device, never mixed up", () => {
    const known = new KnownSessions(100);
    known.set("a", "b:c", session("1"));
    known.set("a:b", "c", session("2"));
    assert.equal(known.get("a", "b:c")?.sessionId, "1");
    assert.equal(known.get("a:b", "c")?.sessionId, "2");
    assert.equal(known.get("a", "b"), undefined);
    known.delete("a", "b:c");
    assert.equal(known.get("a", "b:c"), undefined);
  });

  test("stay within their limit, whatever comes", () => {
    const known = new KnownSessions(100);
    for (let index = 0; index < 1_000; index++) {
      known.set(`user-${index}`, "phone", session(String(index)));
      known.get(`user-${index - 60}`, "phone");
      assert(known.size <= 100, `${known.size} after ${index}`);
    }
    assert.equal(known.get("user-999", "phone")?.sessionId, "999");
    assert.equal(known.get("user-1", "phone"), undefined);
  });

  test("stay as long as they are asked for", () => {
    const known = new KnownSessions(100);
    known.set("anna", "phone", session("1"));
    for (let index = 0; index < 1_000; index++) {
      known.set(`user-${index}`, "phone", session(String(index)));
      assert.equal(known.get("anna", "phone")?.sessionId, "1");
    }
  });

  test("keep the newest session of a device", () => {
    const known = new KnownSessions(4);
    known.set("anna", "phone", session("1"));
    known.set("ben", "phone", session("2"));
    known.set("anna", "phone", session("3"));
    assert.equal(known.get("anna", "phone")?.sessionId, "3");
    known.delete("anna", "phone");
    assert.equal(known.get("anna", "phone"), undefined);
  });
});
