import assert from "node:assert/strict";
import { test } from "node:test";
import { heldUp } from "./core-wait.ts";

test("what held processes up is what they waited for since, and all of a process that began later", () => {
  const waitedMs = new Map([
    [process.pid, 50],
    [1, 700],
  ]);
  const pids = [1];
  const heldUpMs = heldUp(
    () => pids,
    (pid) => waitedMs.get(pid),
  );
  assert.equal(heldUpMs(), 0);
  waitedMs.set(process.pid, 60).set(1, 800).set(2, 1_000);
  pids.push(2);
  assert.equal(heldUpMs(), 10 + 100 + 1_000);
  pids.shift();
  assert.equal(heldUpMs(), 10 + 1_000, "who is gone counts no more");
});
