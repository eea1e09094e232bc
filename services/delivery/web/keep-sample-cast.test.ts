import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { AudienceError } from "../audience/audience-error.ts";
import type { ChangeBatch } from "../audience/directory.ts";
import { MemoryDirectory } from "../audience/memory/memory-directory.ts";
import { keepSampleCast } from "./keep-sample-cast.ts";

/** A directory that a test takes away, and that may come back without its data. */
function frailDirectory(clock: FakeClock) {
  let memory = new MemoryDirectory({}, clock);
  const state = { generation: undefined as string | undefined, isAway: true };
  return {
    state,
    loseData(generation: string) {
      memory = new MemoryDirectory({}, clock);
      state.generation = generation;
    },
    directory: Object.create(memory, {
      generation: { get: () => state.generation },
      apply: {
        value: async (batch: ChangeBatch) => {
          if (state.isAway) throw new AudienceError("UNAVAILABLE", "the directory is away");
          return memory.apply(batch);
        },
      },
    }) as MemoryDirectory,
    seenBy: async (id: string) => (await memory.visibleTo(id, 100)).users.length,
  };
}

test("the cast know each other once the directory is there, and again after it lost its data", async () => {
  const clock = new FakeClock();
  const { directory, state, loseData, seenBy } = frailDirectory(clock);
  let told = 0;
  const stop = keepSampleCast(directory, () => (told += 1), clock);
  await clock.advance(2_000);
  state.generation = "a";
  await clock.advance(2_000);
  assert.deepEqual([told, await seenBy("ada")], [0, 0], "the directory was away");

  state.isAway = false;
  await clock.advance(2_000);
  assert.deepEqual([told, await seenBy("ada")], [1, 6]);

  loseData("b");
  assert.equal(await seenBy("ada"), 0);
  await clock.advance(2_000);
  assert.deepEqual([told, await seenBy("ada")], [2, 6]);

  stop();
  loseData("c");
  await clock.advance(2_000);
  assert.equal(told, 2);
});
