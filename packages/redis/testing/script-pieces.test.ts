import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { scriptsIn } from "../script.ts";
import { faultsOfPieces } from "./script-pieces.ts";

const sum = "-- Adds.\n-- Needs: addends\n-- Gives: total,\n-- count\n\nlocal total, count = 0, #addends\n";
const script = "local addends = { 1, 2 }\n-- #include math/sum\nreturn total / count";

/** Faults of `main.lua`, among these files. */
function faultsIn(t: TestContext, files: Record<string, string>): string[] {
  const root = mkdtempSync(join(tmpdir(), "pieces-"));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [file, source] of Object.entries({ "main.lua": script, "math/sum.lua": sum, ...files })) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    writeFileSync(join(root, file), source);
  }
  const folder = pathToFileURL(`${root}/`);
  const main = scriptsIn(folder)({ file: "main.lua", keys: [], args: [], returns: Number });
  return faultsOfPieces(folder, main);
}

describe("a piece of scripts", () => {
  test("that says what it needs and gives passes", (t) => {
    assert.deepEqual(faultsIn(t, {}), []);
  });

  test("uses no name of others that its header does not list", (t) => {
    assert.deepEqual(faultsIn(t, { "math/sum.lua": sum.replace("-- Needs: addends\n", "") }), [
      "math/sum.lua reads addends of others: add it to its Needs",
    ]);
    assert.deepEqual(faultsIn(t, { "math/sum.lua": `${sum}addends = nil\n` }), [
      "math/sum.lua assigns addends of others: add it to its Changes",
    ]);
  });

  test("lists no name that it does not use", (t) => {
    assert.deepEqual(faultsIn(t, { "math/sum.lua": sum.replace("addends\n", "addends, factor\n") }), [
      "math/sum.lua does not read factor: take it out of its Needs",
    ]);
    assert.deepEqual(faultsIn(t, { "math/sum.lua": sum.replace("-- Needs:", "-- Changes:") }), [
      "math/sum.lua does not assign addends: take it out of its Changes",
    ]);
  });

  test("finds what it needs in front of it", (t) => {
    const late = "-- #include math/sum\nlocal addends = { 1, 2 }\nreturn total / count";
    assert.deepEqual(faultsIn(t, { "main.lua": late }), [
      "math/sum.lua reads addends, which nothing in front of it gives",
      "math/sum.lua does not read addends: take it out of its Needs",
    ]);
  });

  test("needs of others what another piece gives, and may take that in itself", (t) => {
    const mean = "-- Needs: total, count\n-- Gives: mean\nlocal mean = total / count\n";
    const both = "local addends = { 1 }\n-- #include math/sum\n-- #include mean\nreturn mean";
    assert.deepEqual(faultsIn(t, { "main.lua": both, "mean.lua": mean }), []);
    const whole =
      "-- Needs: addends\n-- Gives: mean\n\nlocal mean\n-- #include math/sum\nmean = total / count + #addends\n";
    const nested = "local addends = { 1 }\n-- #include mean\nreturn mean";
    assert.deepEqual(faultsIn(t, { "main.lua": nested, "mean.lua": whole }), []);
  });

  test("keeps to itself what it does not give", (t) => {
    assert.deepEqual(faultsIn(t, { "math/sum.lua": sum.replace("total,\n-- count", "total") }), [
      "main.lua reads count of math/sum.lua, which does not say that it gives it: add it to its Gives",
    ]);
  });

  test("declares what it gives outside of its blocks, and assigns it", (t) => {
    assert.deepEqual(
      faultsIn(t, { "math/sum.lua": sum.replace("local total, count =", "do local count = 1 end\nlocal total =") }),
      [
        "main.lua reads count, which nothing in front of it gives",
        "math/sum.lua says that it gives count, and does not declare it",
      ],
    );
    const empty = sum.replace("local total, count = 0, #addends", "local total = #addends\nlocal count");
    assert.deepEqual(faultsIn(t, { "math/sum.lua": empty }), [
      "math/sum.lua says that it gives count, and never assigns it",
    ]);
  });

  test("hides no name, neither of others nor of Redis", (t) => {
    const hiding = `${sum}for _, addends in ipairs(addends) do total = total + addends end\nlocal type = 1\n`;
    assert.deepEqual(faultsIn(t, { "math/sum.lua": hiding }), [
      "math/sum.lua declares addends, which main.lua declares: name it otherwise",
      "math/sum.lua declares type, which is Redis': name it otherwise",
    ]);
    const parameter = `${sum}local function add(addends) return addends end\n`;
    assert.deepEqual(faultsIn(t, { "math/sum.lua": parameter }), [
      "math/sum.lua declares addends, which main.lua declares: name it otherwise",
    ]);
  });

  test("makes no global, and uses none but Redis'", (t) => {
    assert.deepEqual(faultsIn(t, { "math/sum.lua": `${sum}made = print(redis.call('TIME'))\n` }), [
      "math/sum.lua reads print, which nothing in front of it gives",
      "math/sum.lua assigns made, which nothing in front of it gives",
    ]);
  });
});
