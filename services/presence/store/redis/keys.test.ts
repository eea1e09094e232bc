import assert from "node:assert/strict";
import { test } from "node:test";
import { recordPattern, shardIn, shardKeys, storeKeys } from "./keys.ts";

for (const prefix of ["", "staging:"])
  test(`all keys of a shard share its hash tag, so that a script touches one slot${prefix && ", behind a prefix too"}`, () => {
    const shards = shardKeys(120, 0, prefix);
    for (const [number, keys] of shards.entries()) {
      const tag = `{${String(number).padStart(2, "0")}}`;
      for (const key of Object.values(keys)) {
        assert.equal(/\{[^}]*\}/.exec(key)?.[0], tag, key);
        assert(key.startsWith(`${prefix}presence:${tag}:`), key);
      }
    }
    assert.equal(new Set(shards.flatMap((keys) => Object.values(keys))).size, 120 * 13);
  });

test("a record's key tells its shard; that of another deployment is not looked for", () => {
  for (const prefix of ["", "staging:"]) {
    const key = `${shardKeys(12, 0, prefix)[11]?.recordPrefix}anna`;
    assert.equal(shardIn(key, prefix), 11);
    assert.ok(key.startsWith(recordPattern(prefix).split("{")[0] ?? ""));
  }
  assert.ok(Number.isNaN(shardIn(storeKeys("staging:").store, "staging:")));
});
