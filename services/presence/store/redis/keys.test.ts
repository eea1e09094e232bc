import assert from "node:assert/strict";
import { test } from "node:test";
import { shardKeys } from "./keys.ts";

test("all keys of a shard share its hash tag, so that a script touches one slot", () => {
  const shards = shardKeys(120);
  for (const [number, keys] of shards.entries()) {
    const tag = `{${String(number).padStart(2, "0")}}`;
    for (const key of Object.values(keys)) {
      assert.equal(/\{[^}]*\}/.exec(key)?.[0], tag, key);
      assert(key.startsWith(`presence:${tag}:`), key);
    }
  }
  assert.equal(new Set(shards.flatMap((keys) => Object.values(keys))).size, 120 * 11);
});
