import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { seed } from "@realchat/presence-testing";
import { runCampaign } from "./campaign.ts";

const longEnoughMs = 4_000;

/** Longer by hand: `npm run fuzz`. */
test("mutated sequences of frames leave nothing behind, and harm no other client", async () => {
  const endMs = systemClock.monotonicMs() + longEnoughMs;
  const isOver = (rounds: number) => rounds > 0 && systemClock.monotonicMs() >= endMs;
  const { rounds, findings } = await runCampaign({ seed: seed(), isOver });
  assert.deepEqual(findings, []);
  assert.ok(rounds > 0);
});
