import assert from "node:assert/strict";
import { test } from "node:test";
import { HpackError } from "./hpack-error.ts";
import { readInteger, writeInteger } from "./integers.ts";

/** Value and bytes of RFC 7541, C.1. */
const examples = [
  { name: "C.1.1 10 with a 5-bit prefix", value: 10, prefixMax: 31, bytes: [0b01010] },
  { name: "C.1.2 1337 with a 5-bit prefix", value: 1337, prefixMax: 31, bytes: [0b11111, 0b10011010, 0b00001010] },
  { name: "C.1.3 42 at an octet boundary", value: 42, prefixMax: 255, bytes: [0b00101010] },
];

for (const { name, value, prefixMax, bytes } of examples) {
  test(name, () => {
    assert.equal(read(bytes, prefixMax), value);
    assert.deepEqual(write(value, prefixMax), bytes);
  });
}

test("the bits before the prefix are neither read nor lost", () => {
  assert.equal(read([0xe0 | 10], 31), 10);
  const out = new Uint8Array(2);
  writeInteger(out, 1, 0xe0, 31, 10);
  assert.deepEqual([...out], [0, 0xe0 | 10]);
});

test("every size of prefix takes its values around each change of length", () => {
  for (let bits = 1; bits <= 8; bits++) {
    const prefixMax = 2 ** bits - 1;
    for (const limit of [0, prefixMax, prefixMax + 2 ** 7, prefixMax + 2 ** 14, prefixMax + 2 ** 21]) {
      for (const value of [limit - 1, limit, limit + 1].filter((near) => near >= 0)) {
        assert.equal(read(write(value, prefixMax), prefixMax), value);
      }
    }
    assert.equal(read([prefixMax, 0xff, 0xff, 0xff, 0x7f], prefixMax), prefixMax + 2 ** 28 - 1);
  }
});

test("zeros at the end of an integer are no error as long as it is short", () => {
  assert.equal(read([31, 0x80, 0x80, 0x80, 0x00], 31), 31);
});

test("an integer of more than four octets after its prefix is an error, however small", () => {
  const tooLong = { name: "HpackError", message: "an integer takes more than 4 octets after its prefix" };
  assert.throws(() => read([31, 0x80, 0x80, 0x80, 0x80, 0x00], 31), tooLong);
  assert.throws(() => read([31, 0xff, 0xff, 0xff, 0xff, 0x0f], 31), tooLong);
  assert.throws(() => read([31, ...new Array<number>(100).fill(0x80)], 31), tooLong);
});

test("an integer that the block ends within is an error", () => {
  for (const bytes of [[31], [31, 0x80], [31, 0x80, 0x80, 0x80]]) {
    assert.throws(() => read(bytes, 31), { name: "HpackError", message: "the block ends within an integer" });
  }
});

test("what lies behind the block's end is not read", () => {
  const cursor = { bytes: Uint8Array.of(31, 0x80, 0x01), position: 1, end: 2 };
  assert.throws(() => readInteger(cursor, 31, 31), HpackError);
});

function read(bytes: readonly number[], prefixMax: number): number {
  const cursor = { bytes: Uint8Array.from(bytes), position: 1, end: bytes.length };
  const value = readInteger(cursor, bytes[0] as number, prefixMax);
  assert.equal(cursor.position, bytes.length);
  return value;
}

function write(value: number, prefixMax: number): number[] {
  const out = new Uint8Array(8);
  return [...out.subarray(0, writeInteger(out, 0, 0, prefixMax, value))];
}
