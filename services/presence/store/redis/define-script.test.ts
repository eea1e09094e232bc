import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { defaultRules } from "../../domain/decisions.ts";
import { readLua, type Script, scriptArguments } from "./define-script.ts";
import { scriptRules, writeRules } from "./script-rules.ts";

const folder = new URL("./lua/", import.meta.url);
/** What is run as it is; the other files are taken in by these. */
const scriptFiles = readdirSync(folder).filter((file) => file.endsWith(".lua") && readLua(file).startsWith("#!lua"));

/** `KEYS[1] record  string  of the user`, as a script's header says it. */
const declaration = /^(KEYS|ARGV)\[(\d+)\] +(\w+) +(\w+)/;
const types = {
  KEYS: ["string", "hash", "zset", "stream", "channel"],
  ARGV: ["id", "integer", "name", "text", "prefix"],
};

async function twinOf(file: string): Promise<Script> {
  const name = file.slice(0, -".lua".length);
  const twin = (await import(new URL(`${name}.ts`, folder).href)) as Record<string, Script>;
  return twin[name] ?? assert.fail(`${name}.ts exports no ${name}`);
}

function headerOf(source: string): string[] {
  return source.slice(source.indexOf("--[[") + 4, source.indexOf("]]")).split("\n");
}

function declared(source: string, kind: "KEYS" | "ARGV"): { index: number; name: string; type: string }[] {
  return headerOf(source).flatMap((line) => {
    const [, of, index, name, type] = declaration.exec(line) ?? [];
    return of === kind ? [{ index: Number(index), name: name as string, type: type as string }] : [];
  });
}

/** The indexes that a script's body reads. */
function used(source: string, kind: "KEYS" | "ARGV"): number[] {
  const body = source.slice(source.indexOf("]]"));
  const indexes = new Set([...body.matchAll(new RegExp(`${kind}\\[(\\d+)\\]`, "g"))].map(([, index]) => Number(index)));
  return [...indexes].sort((one, other) => one - other);
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe("scripts", () => {
  test("there are some", () => assert(scriptFiles.length >= 9, String(scriptFiles)));

  for (const file of scriptFiles) {
    test(`${file}: header, body and typed twin name the same keys and arguments`, async () => {
      const source = readLua(file);
      const twin = await twinOf(file);
      assert.equal(twin.file, file);
      for (const [kind, names] of [
        ["KEYS", twin.keys],
        ["ARGV", twin.args],
      ] as const) {
        const parameters = declared(source, kind);
        assert.deepEqual(
          parameters.map(({ name }) => name),
          names,
        );
        assert.deepEqual(
          parameters.map(({ index }) => index),
          upTo(names.length),
        );
        assert.deepEqual(used(source, kind), upTo(names.length), `${kind} that the body reads`);
        for (const { type } of parameters) assert(types[kind].includes(type), `${kind} of type ${type}`);
      }
      assert(
        headerOf(source).some((line) => /^Returns (array|integer|string) /.test(line)),
        "the header says what it returns",
      );
    });

    test(`${file}: every include and every rule is there`, () => {
      const rules = scriptRules(defaultRules, 3_600_000, 1_000);
      assert.doesNotMatch(writeRules(readLua(file), rules), /#include|RULES/);
    });
  }

  test("a rule that is none is our mistake", () => {
    const rules = scriptRules(defaultRules, 3_600_000, 1_000);
    assert.throws(() => writeRules("return RULES.nonesuch", rules), /RULES\.nonesuch/);
  });

  test("numbers for arithmetic are written as numbers, those for commands as text", () => {
    const rules = scriptRules(defaultRules, 3_600_000, 1_000);
    const source = "return RULES.ttl_ms + 1, RULES.retention_ms";
    assert.equal(writeRules(source, rules), "return 60000 + 1, '3600000'");
  });

  test("values are passed in the order of the script, not of the caller", () => {
    const script = { file: "x.lua", keys: ["one", "two"], args: ["limit"], returns: Number } as const;
    assert.deepEqual(scriptArguments(script, { two: "b", one: "a" }, { limit: 5 }), ["2", "a", "b", "5"]);
  });
});
