import { test } from "node:test";
import { redisKinds } from "@realchat/presence-redis/testing";
import { runs, seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { openMemoryHarness } from "./memory/testing/memory-harness.ts";
import { openRedisHarness } from "./redis/testing/redis-harness.ts";
import { commandRuns, lossyRuns } from "./testing/run/commands.ts";
import { modelOptions, playRun } from "./testing/run/model-run.ts";
import { HeldUp, type Subject } from "./testing/run/player.ts";

/** Kinds of Redis differ in how they are reached, and one server has proven the rules. */
const runsByKind = (index: number) => runs(index === 0 ? 250 : 30);
const lossyRunsByKind = (index: number) => runs(index === 0 ? 80 : 10);
const runMaxCommands = 25;
/** Deadlines are half a second off the whole seconds that a run lets elapse. */
const slackMs = 400;
const maxRepetitions = 5;

for (const [index, kind] of redisKinds.entries()) {
  const count = runsByKind(index);
  test(`memory, the store on ${kind.name} and the model agree in ${count} random runs (P1, P2, P3, P7)`, async (context) => {
    const site = await kind.start();
    const harness = await openRedisHarness(site, modelOptions);
    context.after(async () => {
      await harness.close();
      await site.stop();
    });
    let played = 0;

    const property = fc.asyncProperty(commandRuns(runMaxCommands), async (commands) => {
      const memory = await openMemoryHarness(modelOptions);
      const subjects: Subject[] = [
        { name: "memory", harness: memory, slackMs: 0 },
        { name: "Redis", harness, slackMs },
      ];
      await repeatWhenHeldUp(() => {
        played += 1;
        return playRun(commands, subjects, `run-${played}`);
      });
      await memory.close();
    });
    await fc.assert(property, { numRuns: count, seed: seed() });
  });

  const lossy = lossyRunsByKind(index);
  test(`the store on ${kind.name}, which loses data, and the model agree in ${lossy} random runs (P1, P3, P8)`, async (context) => {
    const site = await kind.start();
    context.after(() => site.stop());
    let played = 0;

    const property = fc.asyncProperty(lossyRuns(runMaxCommands), async (commands) => {
      await repeatWhenHeldUp(async () => {
        played += 1;
        // Each run begins on a store that never lost anything.
        const harness = await openRedisHarness(site, modelOptions);
        try {
          await playRun(commands, [{ name: "Redis", harness, slackMs }], `run-${played}`);
        } finally {
          await harness.close();
        }
      });
    });
    await fc.assert(property, { numRuns: lossy, seed: seed() });
  });
}

async function repeatWhenHeldUp(play: () => Promise<void>): Promise<void> {
  for (let repetition = 1; ; repetition++) {
    try {
      return await play();
    } catch (error) {
      if (!(error instanceof HeldUp) || repetition === maxRepetitions) throw error;
    }
  }
}
