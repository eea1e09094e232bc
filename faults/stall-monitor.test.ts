import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { StallMonitor } from "./stall-monitor.ts";
import { merged } from "./time/spans.ts";

test("time in which a process of the system waited for a processor more than it ran is nobody's fault", async () => {
  const clock = new FakeClock();
  const beganMs = clock.monotonicMs();
  const waited = new Map<number, number | undefined>([
    [1, 10],
    [2, undefined],
  ]);
  const monitor = new StallMonitor({ pids: () => [...waited.keys()], waitedMs: (pid) => waited.get(pid), clock });
  await clock.advance(1_000);
  waited.set(1, 210);
  await clock.advance(500);
  assert.deepEqual(monitor.stalls, [], "it waited for less than half of it");
  waited.set(1, 510);
  // One that was started since has not waited in this time, for all that is known.
  waited.set(3, 5_000);
  await clock.advance(500);
  monitor.stop();
  const spans = merged(monitor.stalls).map(({ beginMs, endMs }) => [beginMs - beganMs, endMs - beganMs]);
  assert.deepEqual(spans, [[1_500, 2_500]]);
});
