import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KnownSessions } from "./known-sessions.ts";

describe("sessions that a node remembers", () => {
  test("are found by user and device, never mixed up", () => {
    const known = new KnownSessions(100);
    known.set("a", "b:c", "1");
    known.set("a:b", "c", "2");
    assert.equal(known.get("a", "b:c"), "1");
    assert.equal(known.get("a:b", "c"), "2");
    assert.equal(known.get("a", "b"), undefined);
    known.delete("a", "b:c");
    assert.equal(known.get("a", "b:c"), undefined);
  });

  test("stay within their limit, whatever comes", () => {
    const known = new KnownSessions(100);
    for (let index = 0; index < 1_000; index++) {
      known.set(`user-${index}`, "phone", String(index));
      known.get(`user-${index - 60}`, "phone");
      assert(known.size <= 100, `${known.size} after ${index}`);
    }
    assert.equal(known.get("user-999", "phone"), "999");
    assert.equal(known.get("user-1", "phone"), undefined);
  });

  test("stay as long as they are asked for", () => {
    const known = new KnownSessions(100);
    known.set("anna", "phone", "1");
    for (let index = 0; index < 1_000; index++) {
      known.set(`user-${index}`, "phone", String(index));
      assert.equal(known.get("anna", "phone"), "1");
    }
  });

  test("keep the newest session of a device", () => {
    const known = new KnownSessions(4);
    known.set("anna", "phone", "1");
    known.set("ben", "phone", "2");
    known.set("anna", "phone", "3");
    assert.equal(known.get("anna", "phone"), "3");
    known.delete("anna", "phone");
    assert.equal(known.get("anna", "phone"), undefined);
  });
});
