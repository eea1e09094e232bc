import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { closeLease, keepLease, type Lease, loseLease, openLease, sumOfBegins } from "./lease.ts";

const rules = { leaseTtlMs: 15_000, graceMs: 5_000 };
const open: Lease = { state: "open", deadlineMs: 40_000 };
const lost: Lease = { state: "lost", deadlineMs: 40_000 };
const closed: Lease = { state: "closed", deadlineMs: 40_000 };

describe("a lease", () => {
  test("that is missing, open or lost is opened, its deadline never earlier than it was; a closed one is not", () => {
    const opened = { state: "open", deadlineMs: 65_000 };
    for (const lease of [undefined, open, lost]) assert.deepEqual(openLease(lease, 50_000, rules), opened);
    assert.deepEqual(openLease(open, 1_000, rules), open);
    assert.equal(openLease(closed, 50_000, rules), undefined);
  });

  test("is kept only while it is open", () => {
    assert.deepEqual(keepLease(open, 30_000, rules), { state: "open", deadlineMs: 45_000 });
    for (const lease of [undefined, lost, closed]) assert.equal(keepLease(lease, 30_000, rules), undefined);
  });

  test("is lost at its deadline", () => {
    assert.deepEqual(loseLease(open), lost);
  });

  test("is closed after the grace in a drain, else at once; what was lost goes as it did; and only once", () => {
    assert.deepEqual(closeLease(open, "SERVER_DRAIN", 30_000, rules), { state: "closed", deadlineMs: 35_000 });
    assert.deepEqual(closeLease(open, "LOGGED_OUT", 30_000, rules), { state: "closed", deadlineMs: 30_000 });
    assert.deepEqual(closeLease(lost, "SERVER_DRAIN", 50_000, rules), closed);
    assert.equal(closeLease(closed, "SERVER_DRAIN", 50_000, rules), closed);
    assert.equal(closeLease(undefined, "SERVER_DRAIN", 50_000, rules), undefined);
  });
});

test("the sum of begins is an exact number that changes with each of them", () => {
  const begins = Array.from({ length: 1_024 }, (_, shard) => 1_790_000_000_000_000 + shard);
  const sum = sumOfBegins(begins);
  assert(Number.isSafeInteger(sum) && sum >= 0);
  for (const shard of [0, 511, 1_023]) {
    assert.notEqual(sumOfBegins(begins.with(shard, (begins[shard] as number) + 1)), sum);
  }
  assert.equal(sumOfBegins([]), 0);
});
