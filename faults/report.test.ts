import assert from "node:assert/strict";
import { test } from "node:test";
import { check } from "./checker/check.ts";
import { keepAlive, leaseCall, ToldHistory } from "./checker/testing/told-history.ts";
import type { Violation } from "./checker/violation.ts";
import type { History } from "./history/history.ts";
import type { LeaseLife } from "./history/lease-life.ts";
import { timelineOf } from "./history/timeline.ts";
import { reportOf } from "./report.ts";

/** Of a user under a lease whom two readers believe to be gone, and whose shard begins anew. */
function aRun(): History {
  const told = new ToldHistory();
  const life = told.session("one");
  keepAlive(life, 1, 29, 100);
  const lease: LeaseLife = { id: "of-it", gateway: "leased", calls: [] };
  for (let at = 1; at < 30; at++) lease.calls.push(leaseCall(at, "keep", at === 8 ? "unknown" : "ok"));
  life.calls.push({ ...life.calls[1], what: "refresh", sentMs: 29_500, endedMs: 29_505, outcome: "ok", lease });
  told.transition(1, true, 100, "CONNECTED").answer(2, "online", 100);
  for (const reader of [told.kafka, told.watch])
    told.believe(reader, 10, "offline", 100).believe(reader, 11, "online", 100);
  told.believe(told.kafka, 25, "offline", 100);
  for (const atMs of [9_000, 9_010])
    told.kafka.resets.push({ atMs, shard: 0, begin: 90 }, { atMs, shard: 1, begin: 91 });
  return told.until(30);
}

test("a report tells of each incident all violations, and how it came to the first", () => {
  const history = aRun();
  const report = reportOf(history, check(history), 7);
  assert.equal(report.match(/^VIOLATION/gm)?.length, 3);
  assert.equal(report.match(/register phone one/g)?.length, 1, report);
  assert.match(report, /^P1: 3$/m);
});

test("a timeline leaves out what is said again: a lease that is kept, and resets of other shards", () => {
  const history = aRun();
  const timeline = timelineOf(check(history).violations[0] as Violation, history);
  assert.deepEqual(timeline.match(/keep of-it: \w+/g), ["keep of-it: ok", "keep of-it: unknown", "keep of-it: ok"]);
  assert.deepEqual(timeline.match(/reset of shard.*/g), ["reset of shard 0 at 90"]);
});
