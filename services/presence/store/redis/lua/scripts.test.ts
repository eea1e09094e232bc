import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertTwinsIn } from "@realchat/presence-redis/testing";
import { defaultRules } from "../../../domain/decisions.ts";
import { scriptRules, writeRules } from "../script-rules.ts";
import { advance } from "./advance.ts";
import { announce } from "./announce.ts";
import { change } from "./change.ts";
import { changeWhenOutOfMemory } from "./change-when-out-of-memory.ts";
import { claim } from "./claim.ts";
import { dropOrphans } from "./drop-orphans.ts";
import { mend } from "./mend.ts";
import { recount } from "./recount.ts";
import { refreshWhenOutOfMemory } from "./refresh-when-out-of-memory.ts";
import { release } from "./release.ts";
import { tick } from "./tick.ts";

const scripts = [
  advance,
  announce,
  change,
  changeWhenOutOfMemory,
  claim,
  dropOrphans,
  mend,
  recount,
  refreshWhenOutOfMemory,
  release,
  tick,
];

describe("scripts", () => {
  test("and their typed twins name the same keys and arguments, in the same order", () => {
    assertTwinsIn(new URL("./", import.meta.url), scripts);
  });

  for (const { file, source } of scripts) {
    test(`${file} asks only for rules that there are`, () => {
      assert.doesNotMatch(writeRules(source, scriptRules(defaultRules, 3_600_000, 1_000)), /RULES/);
    });
  }
});
