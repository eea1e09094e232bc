import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertTwinsIn } from "@realchat/presence-redis/testing";
import { defaultRules } from "../../../domain/rules.ts";
import { scriptRules, writeRules } from "../script-rules.ts";
import { change } from "./change/change.ts";
import { changeWhenOutOfMemory } from "./change/change-when-out-of-memory.ts";
import { refreshWhenOutOfMemory } from "./deadline/refresh-when-out-of-memory.ts";
import { close } from "./gateway-lease/close.ts";
import { open } from "./gateway-lease/open.ts";
import { advance } from "./lease/advance.ts";
import { announceNode } from "./lease/announce-node.ts";
import { claim } from "./lease/claim.ts";
import { release } from "./lease/release.ts";
import { dropOrphans } from "./mending/drop-orphans.ts";
import { mend } from "./mending/mend.ts";
import { recount } from "./mending/recount.ts";
import { beginRestating } from "./restating/begin-restating.ts";
import { complete } from "./restating/complete.ts";
import { restate } from "./restating/restate.ts";
import { tick } from "./tick/tick.ts";

const scripts = [
  advance,
  announceNode,
  change,
  changeWhenOutOfMemory,
  claim,
  close,
  dropOrphans,
  mend,
  open,
  recount,
  beginRestating,
  complete,
  restate,
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
