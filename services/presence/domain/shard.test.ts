import assert from "node:assert/strict";
import { test } from "node:test";
import { shardOf } from "./shard.ts";

// Source of the vectors: RFC 9923, FNV-1a 32 bit.
const vectors: readonly (readonly [string, number])[] = [
  ["", 0x811c9dc5],
  ["a", 0xe40c292c],
  ["foobar", 0xbf9cf968],
];

test("the shard is FNV-1a of the id, so that a store can be read for ever", () => {
  for (const [text, hash] of vectors) assert.equal(shardOf(text, 2 ** 32), hash);
  assert.equal(shardOf("foobar", 16), 0xbf9cf968 % 16);
});

test("ids beyond ASCII are hashed as UTF-8, wherever the first such letter stands", () => {
  const hashOf = (bytes: Uint8Array) => {
    let hash = 0x811c9dc5;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
    return hash;
  };
  for (const id of ["é", "user-é", "👩‍👩‍👧", "日本"]) assert.equal(shardOf(id, 2 ** 32), hashOf(Buffer.from(id)));
});

test("users spread evenly over the shards", () => {
  const counts = new Uint32Array(16);
  for (let user = 0; user < 16_000; user++) {
    const shard = shardOf(`user-${user}`, 16);
    counts[shard] = (counts[shard] as number) + 1;
  }
  for (const count of counts) assert(count > 800 && count < 1_200, `${counts}`);
});
