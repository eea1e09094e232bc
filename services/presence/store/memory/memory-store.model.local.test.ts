import { test } from "node:test";
import { runs, seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { commandRuns } from "../testing/run/commands.ts";
import { modelOptions, playRun } from "../testing/run/model-run.ts";
import { openMemoryHarness } from "./testing/memory-harness.ts";

const count = runs(3_000);
const runMaxCommands = 30;

test(`the memory store does what the model does, in ${count} random runs (P1, P2, P3, P7)`, async (context) => {
  const harness = await openMemoryHarness({ ...modelOptions, maxSessions: 200_000 });
  context.after(() => harness.close());
  let played = 0;
  const property = fc.asyncProperty(commandRuns(runMaxCommands), (commands) => {
    played += 1;
    return playRun(commands, [{ name: "memory", harness, slackMs: 0 }], `run-${played}`);
  });
  await fc.assert(property, { numRuns: count, seed: seed() });
});
