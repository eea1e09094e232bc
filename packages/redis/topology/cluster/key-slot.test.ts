import assert from "node:assert/strict";
import { test } from "node:test";
import { keySlot } from "./key-slot.ts";

test("a key's slot is that of Redis' own examples", () => {
  // Source: the specification's appendix (CRC16 of "123456789" is 0x31C3), and CLUSTER KEYSLOT of Redis 7.
  for (const [key, slot] of [
    ["123456789", 0x31c3 % 16_384],
    ["foo", 12_182],
    ["{user1000}.following", 3_443],
    ["foo{}{bar}", 8_363],
    ["foo{{bar}}zap", 4_015],
    ["foo{bar}{zap}", 5_061],
    ["", 0],
  ] as const) {
    assert.equal(keySlot(key), slot, key);
  }
});

test("keys with the same tag share a slot", () => {
  assert.equal(keySlot("presence:{07}:meta"), keySlot("presence:{07}:u:{anna}"));
});
