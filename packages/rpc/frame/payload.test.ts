import assert from "node:assert/strict";
import { test } from "node:test";
import { frameFlags } from "./frame.ts";
import { contentEnd, contentStart, dependsOnItself, fieldsStart, settingsCount, windowIncrement } from "./payload.ts";

const { PADDED, PRIORITY } = frameFlags;

test("padding is cut off, and may be all of the payload but not more (RFC 9113 §6.1)", () => {
  const payload = Buffer.from([2, 7, 7, 0, 0]);
  assert.deepEqual([contentStart(PADDED, 0), contentEnd(PADDED, payload, 0, 5)], [1, 3]);
  assert.deepEqual([contentStart(0, 0), contentEnd(0, payload, 0, 5)], [0, 5]);
  assert.equal(contentEnd(PADDED, Buffer.from([4, 0, 0, 0, 0]), 0, 5), 1);
  assert.throws(() => contentEnd(PADDED, Buffer.from([5, 0, 0, 0, 0]), 0, 5), { code: "PROTOCOL_ERROR" });
  assert.throws(() => contentEnd(PADDED, Buffer.alloc(0), 0, 0), { code: "FRAME_SIZE_ERROR" });
});

test("fields come after the priority, which has five bytes and names another stream", () => {
  const payload = Buffer.from([0x80, 0, 0, 3, 16, 0x82]);
  assert.equal(fieldsStart(PRIORITY, 0, 6), 5);
  assert.equal(fieldsStart(0, 0, 6), 0);
  assert.throws(() => fieldsStart(PRIORITY, 0, 4), { code: "FRAME_SIZE_ERROR" });
  assert.deepEqual([dependsOnItself(1, payload, 0), dependsOnItself(3, payload, 0)], [false, true]);
});

test("SETTINGS are pairs of six bytes, and a window's increment has no reserved bit", () => {
  assert.equal(settingsCount(9, 21), 2);
  assert.throws(() => settingsCount(9, 20), { code: "FRAME_SIZE_ERROR" });
  assert.equal(windowIncrement(Buffer.from([0x80, 0, 1, 0]), 0, 4), 256);
  assert.throws(() => windowIncrement(Buffer.alloc(5), 0, 5), { code: "FRAME_SIZE_ERROR" });
});
