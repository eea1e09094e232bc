import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { murmur2 } from "@platformatic/kafka";
import { partitionOf } from "./partition.ts";

test("a key is in the partition that the client's own hash says, whatever its length and bytes", () => {
  for (let length = 0; length < 300; length++) {
    const key = createHash("shake256", { outputLength: length }).update(String(length)).digest();
    for (const partitions of [1, 12, 2 ** 31 - 1]) {
      assert.equal(partitionOf(key, partitions), (murmur2(key) & 0x7fffffff) % partitions, key.toString("hex"));
    }
  }
});
