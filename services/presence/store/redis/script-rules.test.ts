import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultRules } from "../../domain/rules.ts";
import { scriptRules, writeRules } from "./script-rules.ts";

const rules = scriptRules(defaultRules, 3_600_000, 1_000);

describe("rules in a script", () => {
  test("are written as numbers for arithmetic, as text for commands", () => {
    const source = "return RULES.ttl_ms + 1, RULES.retention_ms";
    assert.equal(writeRules(source, rules), "return 60000 + 1, '3600000'");
  });

  test("that are none are our mistake", () => {
    assert.throws(() => writeRules("return RULES.nonesuch", rules), /RULES\.nonesuch/);
  });
});
