import assert from "node:assert/strict";
import { test } from "node:test";
import type { Transition } from "../../../domain/transition.ts";
import { decodeAnnouncement, decodeEntry, decodeTraces, traced } from "./log-entry.ts";

const packed = ["anna", "0", "5", "phone: {1}\\", "gateway-1", "1790000000123"].join("\0");
const transition: Transition = {
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

test("traces come by version, and only those of entries that are announced count", () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const traces = decodeTraces(`1790000000456789\0${traceparent}\x005\0other`);
  assert.deepEqual(
    [...traces],
    [
      [1790000000456789, traceparent],
      [5, "other"],
    ],
  );
  assert.deepEqual(traced(transition, traces.get(transition.version)), { ...transition, traceparent });
  assert.equal(traced(transition, undefined), transition);
});

test("a cause that only a later release knows takes nothing from the change", () => {
  for (const [number, cause] of [
    [7, "INSTANCE_LOST"],
    [8, "FORCED"],
    [10, "UNSPECIFIED"],
    [250, "UNSPECIFIED"],
  ] as const) {
    const later = packed.replace("\x005\0", `\0${number}\0`);
    assert.deepEqual(decodeEntry(later, 1790000000456789, 7), { ...transition, cause });
    assert.deepEqual(decodeAnnouncement(`1790000000456789\0${later}`, 7), [{ ...transition, cause }]);
  }
});

test("marks are read, also between transitions", () => {
  const begin = { mark: "begin", shard: 7, version: 5_000 };
  const complete = { mark: "complete", shard: 7, version: 6_000, begin: 5_000 };
  assert.deepEqual(decodeEntry("\0begin\x005000", 5_000, 7), begin);
  assert.deepEqual(decodeEntry("\0complete\x005000", 6_000, 7), complete);
  const message = `5000\0\0begin\x005000\x001790000000456789\0${packed}\x006000\0\0complete\x005000`;
  assert.deepEqual(decodeAnnouncement(message, 7), [begin, transition, { ...complete }]);
});

test("what is no entry of ours is not guessed", () => {
  const wrongs = [
    ...["", "anna", "\0\0\0\0\0", "\0begin", "\0begin\0", "\0begin\x006", "\0end\x005", "\0complete\0x"],
    packed.replace("\x005\0", "\x00-5\0"),
    packed.replace("\x005\0", "\x00why\0"),
    packed.replace("\x005\0", "\x00\0"),
    packed.replace("\x005\0", "\x000\0"),
    packed.replace("gateway-1", ""),
    packed.replace(/\d+$/, "yesterday"),
  ];
  for (const wrong of wrongs) {
    assert.equal(decodeEntry(wrong, 5, 7), undefined, JSON.stringify(wrong));
    assert.equal(decodeAnnouncement(`5\0${wrong}`, 7), undefined, JSON.stringify(wrong));
  }
  for (const message of ["", "garbage", `x\0${packed}`, `5\0${packed}\0`]) {
    assert.equal(decodeAnnouncement(message, 7), undefined, JSON.stringify(message));
  }
});
