import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeNotices } from "./lease-notices.ts";

const superseded = (session: string) => ["superseded", "lease-1", "anna", "phone: {1}", session].join("\0");
const noticeOf = (sessionId: string) => ({
  kind: "superseded",
  leaseId: "lease-1",
  session: { userId: "anna", deviceId: "phone: {1}", sessionId },
});

test("a message brings notices", () => {
  assert.deepEqual(decodeNotices(superseded("5.c1")), [noticeOf("5.c1")]);
  assert.deepEqual(decodeNotices(`${superseded("5.c1")}\n${superseded("6.c2")}`), [noticeOf("5.c1"), noticeOf("6.c2")]);
});

test("a notice of a session that was closed says why, and for how long it is blocked", () => {
  const closedFor = (leftMs: string) => ["closed", "lease-1", "anna", "phone: {1}", "5.c1", leftMs, "a, b"].join("\0");
  const closed = { ...noticeOf("5.c1"), kind: "closed" };
  assert.deepEqual(decodeNotices(`${closedFor("")}\n${closedFor("500")}`), [
    { ...closed, refusal: { reason: "a, b", leftMs: undefined } },
    { ...closed, refusal: { reason: "a, b", leftMs: 500 } },
  ]);
});

test("what only a later release knows, or nobody, hides none of the others", () => {
  for (const other of ["", "superseded", "moved\0lease-1\0elsewhere", superseded("")]) {
    assert.deepEqual(decodeNotices(`${other}\n${superseded("5.c1")}`), [noticeOf("5.c1")], JSON.stringify(other));
  }
});
