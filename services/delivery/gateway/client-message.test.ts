import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readClientMessage } from "./client-message.ts";

describe("a client's message", () => {
  test("subscribes, unsubscribes, logs out or pings", () => {
    assert.deepEqual(readClientMessage('{"type":"subscribe","users":["a","b:c"]}'), {
      kind: "subscribe",
      userIds: ["a", "b:c"],
    });
    assert.deepEqual(readClientMessage('{"type":"unsubscribe","users":[]}'), { kind: "unsubscribe", userIds: [] });
    assert.deepEqual(readClientMessage('{"type":"logout"}'), { kind: "logout" });
    assert.deepEqual(readClientMessage('{"type":"ping","id":7}'), { kind: "ping" });
  });

  test("may be of another version of the protocol, or an older client's resume request", () => {
    for (const text of ['{"type":"dance"}', '{"resume_token":"x","last_event_id":7}', "[]"]) {
      assert.deepEqual(readClientMessage(text), { kind: "unknown" });
    }
  });

  test("may be no JSON object at all", () => {
    for (const text of ["", "{", "null", "7", '"logout"'])
      assert.deepEqual(readClientMessage(text), { kind: "not_json" });
  });

  test("that is invalid is refused with the field and the reason", () => {
    const why = (users: unknown) => readClientMessage(JSON.stringify({ type: "subscribe", users }));
    assert.deepEqual(why("ada"), { kind: "wrong", why: "users is not a list of ids" });
    assert.deepEqual(why(["ada", 7]), { kind: "wrong", why: "users[1] is not a text" });
    assert.deepEqual(why([""]), { kind: "wrong", why: "users[0] is empty" });
    assert.deepEqual(why(["é".repeat(65)]), { kind: "wrong", why: "users[0] has 130 bytes, limit 128" });
  });
});
