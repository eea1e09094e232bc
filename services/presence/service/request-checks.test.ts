import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "../domain/limits.ts";
import { checkCount, checkId, checkOptionalId, checkSessionId } from "./request-checks.ts";

const refusedAs = (message: string) => ({ name: "PresenceError", code: "INVALID_ARGUMENT", message });

test("an id may hold anything but control characters", () => {
  for (const id of ["a", "a:b", " ", "{x}", "\\", "👩‍👩‍👧", "é", "\u00a0", "x".repeat(128)]) {
    checkId("user_id", id, defaultLimits);
  }
});

test("an id that is empty is refused where one is needed", () => {
  assert.throws(() => checkId("user_id", "", defaultLimits), refusedAs("user_id is empty: send 1 to 128 bytes"));
  checkOptionalId("connection_id", "", defaultLimits);
  checkSessionId("session_id", "", defaultLimits);
});

test("an id is measured in bytes of UTF-8", () => {
  const advice = "limit 128: send a short stable id, such as a UUID";
  const check = (id: string) => () => checkId("device_id", id, defaultLimits);
  assert.throws(check("x".repeat(129)), refusedAs(`device_id has 129 bytes, ${advice}`));
  assert.doesNotThrow(check("é".repeat(64)));
  assert.throws(check("é".repeat(65)), refusedAs(`device_id has 130 bytes, ${advice}`));
});

test("control characters are refused, both sets, and named", () => {
  const check = (id: string) => () => checkId("user_id", id, defaultLimits);
  for (const [id, name, index] of [
    ["\0", "U+0000", 0],
    ["a\n", "U+000A", 1],
    ["ab\u007f", "U+007F", 2],
    ["\u0085", "U+0085", 0],
    ["é\u009f", "U+009F", 1],
  ] as const) {
    assert.throws(check(id), refusedAs(`user_id has the control character ${name} at ${index}: send printable text`));
  }
});

test("half a character is refused: as UTF-8 it would collide with others", () => {
  const check = () => checkId("user_id", "\ud83d", defaultLimits);
  assert.throws(check, refusedAs("user_id is not valid Unicode: it has a lone surrogate: send well-formed text"));
});

test("a session_id has room for the order in front of the longest connection_id", () => {
  checkSessionId("session_id", `${Number.MAX_SAFE_INTEGER}.${"x".repeat(128)}`, defaultLimits);
  assert.throws(() => checkSessionId("session_id", "x".repeat(146), defaultLimits), { code: "INVALID_ARGUMENT" });
});

test("a count is refused above its limit", () => {
  checkCount("user_ids", 10_000, 10_000);
  const message = "user_ids has 10001 entries, limit 10000: split the call";
  assert.throws(() => checkCount("user_ids", 10_001, 10_000), refusedAs(message));
});
