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

test("puts keys where Kafka's Java client puts them", () => {
  // Partitions that KafkaProducer (kafka-clients 4.3.1, default partitioner) reported for a topic of 12.
  const javas = {
    a: 4,
    ab: 2,
    abc: 3,
    abcd: 8,
    abcde: 1,
    "user-1": 8,
    "user-3": 11,
    "user-42": 4,
    "a:b": 3,
    "{x}": 9,
    "emoji 😀": 0,
    ключ: 8,
    日本語: 10,
    é: 3,
    "7d444840-9dc0-11d1-b245-5ffdce74fad2": 11,
    "f47ac10b-58cc-4372-a567-0e02b2c3d479": 2,
    ["x".repeat(128)]: 3,
  };
  const ours = Object.keys(javas).map((key) => [key, partitionHash(Buffer.from(key)) % 12]);
  assert.deepEqual(Object.fromEntries(ours), javas);
});
