import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAnnouncement, decodeEntry } from "./log-entry.ts";

const packed = ["anna", "0", "5", "phone: {1}\\", "gateway-1", "1790000000123"].join("\0");
const transition = {
  userId: "anna",
  online: false,
  version: 1790000000456789,
  cause: "EXPIRED",
  deviceId: "phone: {1}\\",
  instanceId: "gateway-1",
  lastSeenMs: 1790000000123,
  shard: 7,
};

test("an entry is read with its version and shard", () => {
  assert.deepEqual(decodeEntry(packed, 1790000000456789, 7), transition);
});

test("an announcement brings entries, each with its version", () => {
  const other = packed.replace("anna", "ben");
  assert.deepEqual(decodeAnnouncement(`1790000000456789\0${packed}`, 7), [transition]);
  assert.deepEqual(decodeAnnouncement(`1790000000456789\0${packed}\x001790000000456790\0${other}`, 7), [
    transition,
    { ...transition, userId: "ben", version: 1790000000456790 },
  ]);
});

test("what is no transition is refused, not guessed", () => {
  for (const wrong of ["", "anna", packed.replace("\x005\0", "\x0099\0"), packed.replace("\x005\0", "\x000\0")]) {
    assert.throws(() => decodeEntry(wrong, 5, 7), /entry 5 of shard 7 is not a transition/, JSON.stringify(wrong));
  }
});
