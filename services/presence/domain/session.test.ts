import assert from "node:assert/strict";
import { test } from "node:test";
import { namesConnection, parseSessionId, sessionIdOf } from "./session.ts";

test("a session_id is the order, with the connection's name where it has one", () => {
  assert.equal(sessionIdOf({ order: 1_790_000_000_000_000, connectionId: "" }), "1790000000000000");
  assert.equal(sessionIdOf({ order: 7, connectionId: "c1" }), "7.c1");
});

test("every session_id can be taken apart again, whatever the connection is called", () => {
  for (const connectionId of ["", "c1", "a.b", ".", "7", "👩‍👩‍👧", "a:b c"]) {
    for (const order of [0, 7, 1_790_000_000_000_000, Number.MAX_SAFE_INTEGER]) {
      const sessionId = sessionIdOf({ order, connectionId });
      assert.deepEqual(parseSessionId(sessionId), { order, connectionId });
      assert.equal(namesConnection(sessionId), connectionId !== "");
    }
  }
});

test("what was never a session_id is not taken for one", () => {
  const never = ["", ".", ".c1", "7.", "07", "-7", "+7", "7e3", " 7", "seven", "7 .c1", "0x7", "9007199254740992"];
  for (const text of never) assert.equal(parseSessionId(text), undefined, text);
});
