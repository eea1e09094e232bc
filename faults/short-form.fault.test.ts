import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import { check } from "./checker/check.ts";
import { runFaults } from "./fault-run.ts";
import { catalogue } from "./injection/catalogue.ts";
import { reportOf } from "./report.ts";
import { standardTiming } from "./standard-run.ts";

test("a short run of random faults breaks no promise: npm run test:faults is the long form", async () => {
  const history = await runFaults({
    ...{
      seed: seed(),
      lengthMs: 13_000,
      kinds: catalogue,
      redis: "single" as const,
      nodes: 2,
      users: 30,
      timing: standardTiming,
    },
    say: (line) => process.stdout.write(`${line}\n`),
  });
  assert.equal(history.failure, undefined);
  const verdict = check(history);
  assert(verdict.violations.length === 0, reportOf(history, verdict, seed()));
  assert(history.faults.length > 0, "something was injected");
  assert(history.lives.length >= 10, `people came: ${history.lives.length} sessions`);
  const silent = history.readers.filter(({ statements }) => statements.length === 0).map(({ name }) => name);
  assert.deepEqual(silent, [], "every reader said something");
  assert(verdict.judgedShare > 0.2, `only ${verdict.judgedShare} of the time was judged: a run that proves little`);
});
