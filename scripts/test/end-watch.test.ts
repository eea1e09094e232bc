import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { EndWatch } from "./end-watch.ts";

test("a process lingers when all of its tests have ended for so long, and is told of once", async () => {
  const clock = new FakeClock();
  let lingering = 0;
  const watch = new EndWatch(10_000, () => lingering++, clock);
  await clock.advance(60_000);
  watch.note("test:enqueue", 1);
  watch.note("test:enqueue", 2);
  watch.note("test:complete", 1);
  await clock.advance(60_000);
  assert.equal(lingering, 0, "no test has ended, or one is still open");

  watch.note("test:complete", 2);
  await clock.advance(9_000);
  watch.note("test:enqueue", 3);
  await clock.advance(60_000);
  watch.note("test:complete", 3);
  await clock.advance(9_000);
  assert.equal(lingering, 0, "another one began in time");
  await clock.advance(60_000);
  assert.equal(lingering, 1);
});
