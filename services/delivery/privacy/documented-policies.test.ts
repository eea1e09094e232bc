import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { everything, merge, nothing, parsePolicy, policyPatch, serialise } from "./policy.ts";

const documents = join(import.meta.dirname, "../../../docs");
const document = readFileSync(join(documents, "privacy.md"), "utf8");

/** The first block of JSON behind these words. */
function exampleBehind(words: string, text = document): string {
  const [, after] = text.split(words);
  const [, example] = /```json\n([^`]*)```/.exec(after ?? "") ?? [];
  assert.ok(example, `no example behind ${words}`);
  return example;
}

describe("what docs/privacy.md gives to paste", () => {
  test("is a whole policy, the same in the contract", () => {
    const policy = parsePolicy(exampleBehind("## The policy"));
    assert.equal(serialise(policy), JSON.stringify(JSON.parse(exampleBehind("## The policy"))));
    const contract = readFileSync(join(documents, "contract.md"), "utf8");
    assert.deepEqual(parsePolicy(exampleBehind("### What users show", contract)), policy);
    assert.deepEqual(policy, { ...everything, lastSeen: "contacts", devices: "nobody" });
  });

  test("are records that can be read", () => {
    const records = [...document.matchAll(/^(\w+)\|(\{.*\})$/gm)].map(([, key, value = ""]) => [
      key,
      parsePolicy(value),
    ]);
    assert.deepEqual(records, [
      ["ann", merge(everything, { invisible: true })],
      ["bob", merge(everything, { lastSeen: "nobody", hide: new Set(["cid"]) })],
    ]);
    const [, literal = ""] = /const policy = (\{.*\});/.exec(document) ?? [];
    const json = literal.replaceAll(/(\w+):/g, '"$1":');
    assert.notEqual(parsePolicy(json), nothing);
    assert.deepEqual(policyPatch(JSON.parse(json)).show, new Set(["bob"]));
  });

  test("is a message that changes what it names", () => {
    const patch = policyPatch(JSON.parse(exampleBehind("## In the app")));
    assert.deepEqual(patch, { invisible: true, lastSeen: "contacts" });
  });
});
