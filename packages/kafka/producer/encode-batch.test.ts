import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c, Reader, readRecordsBatch } from "@platformatic/kafka";
import { encodeBatch } from "./encode-batch.ts";

const nowMs = 1_790_000_000_123;

test("the client reads back what was written: keys, values and headers of any length, in order", () => {
  const lengths = [0, 1, 63, 64, 127, 128, 8_191, 8_192, 70_000, 1_100_000];
  const records = lengths.map((length, index) => ({
    key: Buffer.alloc(index, "k"),
    value: Buffer.alloc(length, "v"),
    headers: new Map(lengths.slice(0, index).map((bytes) => [Buffer.from(`name ${bytes}`), Buffer.alloc(bytes, "h")])),
  }));
  const batch = readRecordsBatch(Reader.from(encodeBatch(records, nowMs)));
  assert.equal(batch.firstTimestamp, BigInt(nowMs));
  assert.equal(batch.maxTimestamp, BigInt(nowMs));
  assert.equal(batch.lastOffsetDelta, records.length - 1);
  assert.deepEqual(
    batch.records.map(({ key, value, headers }) => ({ key, value, headers: new Map(headers) })),
    records,
  );
  assert.deepEqual(
    batch.records.map(({ offsetDelta, timestampDelta }) => [offsetDelta, timestampDelta]),
    records.map((_, index) => [index, 0n]),
  );
});

test("a record without a key has none, not an empty one", () => {
  const [record] = readRecordsBatch(
    Reader.from(encodeBatch([{ value: Buffer.from("v"), headers: new Map() }], nowMs)),
  ).records;
  assert.equal(record?.key, null);
});

test("more records than a place of one or two bytes counts", () => {
  const records = Array.from({ length: 9_000 }, (_, index) => ({
    key: Buffer.from(String(index)),
    value: Buffer.alloc(0),
    headers: new Map(),
  }));
  const { records: read } = readRecordsBatch(Reader.from(encodeBatch(records, nowMs)));
  assert.deepEqual(
    read.map(({ offsetDelta, key }) => [offsetDelta, String(key)]),
    records.map(({ key }, index) => [index, String(key)]),
  );
});

test("length and checksum are of the whole batch", () => {
  const bytes = encodeBatch([{ value: Buffer.from("v"), headers: new Map() }], nowMs);
  assert.equal(bytes.readInt32BE(8), bytes.length - 12);
  assert.equal(bytes.readUInt32BE(17), crc32c(bytes.subarray(21)));
});
