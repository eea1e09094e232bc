import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { randomId } from "./session-ids.ts";

test("ids of chance have 16 characters and all of their bits", () => {
  const ids = Array.from({ length: 1_000 }, () => randomId(systemClock));
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[\w-]{16}$/);
  for (const [draw, id] of [
    [0, "AAAAAAAAAAAAAAAA"],
    [1 - 2 ** -53, "________________"],
  ] as const) {
    assert.equal(randomId({ ...systemClock, random: () => draw }), id);
  }
});
