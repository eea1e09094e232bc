import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { SpareProcessor } from "./spare-processor.ts";

test("half a processor that was idle lets one pass, and the next half second another one", async () => {
  const clock = new FakeClock();
  let idle = 0.4;
  let idleMs = 0;
  clock.every(100, () => {
    idleMs += 100 * idle;
  });
  const spare = new SpareProcessor(500, () => idleMs, clock);
  let passed = 0;
  for (let waiting = 0; waiting < 3; waiting++) void spare.until().then(() => passed++);
  await clock.advance(10_000);
  assert.equal(passed, 0);
  idle = 1.8;
  await clock.advance(600);
  assert.equal(passed, 1);
  await clock.advance(500);
  assert.equal(passed, 2);
  idle = 0;
  await clock.advance(10_000);
  assert.equal(passed, 2);
});
