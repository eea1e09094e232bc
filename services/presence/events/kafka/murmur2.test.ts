import assert from "node:assert/strict";
import { test } from "node:test";
import { murmur2, partitionHash } from "./murmur2.ts";

test("hashes as Kafka's Java client does", () => {
  // Source: UtilsTest.testMurmur2 in Apache Kafka
  const known = {
    "21": -973932308,
    foobar: -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  };
  for (const [key, hash] of Object.entries(known)) assert.equal(murmur2(Buffer.from(key)), hash, key);
});

test("a partition is never negative, and drops the sign bit as Java does instead of reading it as a number", () => {
  assert.equal(partitionHash(Buffer.from("21")), -973932308 & 0x7fffffff);
  assert.equal(partitionHash(Buffer.from("abc")), 479470107);
  assert.equal(partitionHash(Buffer.alloc(0)), 275646681);
});
