import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import type { Script } from "../script.ts";
import { faultsOfPieces } from "./script-pieces.ts";

/**
 * What a header may call a key or an argument: Redis' types, and what our arguments are. A channel is no key: it never
 * exists, so a Cluster that migrates its slot would refuse a script that declares it, together with keys that do.
 */
const types = {
  KEYS: ["string", "hash", "list", "set", "zset", "stream"],
  ARGV: ["id", "integer", "name", "text", "prefix", "json", "channel"],
};

/**
 * Holds all scripts of a folder, and of the folders in it, against their typed twins: every Lua file with a shebang has
 * one, and they agree. And holds the pieces that they take in against their headers: see faultsOfPieces.
 */
export function assertTwinsIn(folder: URL, scripts: readonly Script[]): void {
  const whole = readdirSync(folder, { encoding: "utf8", recursive: true }).filter(
    (file) => file.endsWith(".lua") && readFileSync(new URL(file, folder), "utf8").startsWith("#!lua"),
  );
  assert.deepEqual(scripts.map(({ file }) => file).sort(), whole.sort(), "every script of the folder has a twin");
  for (const script of scripts) {
    assertTwins(script);
    assert.deepEqual(faultsOfPieces(folder, script), [], `the pieces of ${script.file} fit`);
  }
}

/**
 * Holds a script's typed twin against its Lua: the header declares the same names in the same order, and the body uses
 * every index that is declared, and no other. `ARGV[n...]` declares that the n-th and all that follow are the `rest`.
 */
export function assertTwins({ file, source, keys, args, rest }: Script): void {
  const [header, body] = partsOf(source, file);
  for (const [kind, names] of [["KEYS", keys] as const, ["ARGV", args] as const]) {
    const declared = [...header.matchAll(new RegExp(`^${kind}\\[(\\d+)\\] (\\w+) +(\\w+)`, "gm"))];
    assert.deepEqual(
      declared.map(([, index, name]) => `${index} ${name}`),
      names.map((name, index) => `${index + 1} ${name}`),
      `${file} declares the ${kind} of its twin`,
    );
    for (const [, , name, type] of declared) {
      assert(types[kind].includes(type as string), `${file} says of ${name} one of ${types[kind].join(", ")}`);
    }
    const used = [...body.matchAll(new RegExp(`\\b${kind}\\[(\\d+)\\]`, "g"))].map(([, index]) => Number(index));
    assert.deepEqual(
      [...new Set(used)].sort((a, b) => a - b),
      names.map((_, index) => index + 1),
      `${file} uses the ${kind} that it declares`,
    );
  }
  const [, from, name] = /^ARGV\[(\d+)\.\.\.\] (\w+) /m.exec(header) ?? [];
  assert.deepEqual(
    [from, name],
    rest === undefined ? [undefined, undefined] : [String(args.length + 1), rest],
    `${file} declares the rest of its twin`,
  );
  assert.match(header, /^Returns (array|integer|text) /m, `${file} says what it returns`);
  assert.doesNotMatch(source, /#include/, `${file} has all that it includes`);
}

function partsOf(source: string, file: string): [header: string, body: string] {
  const [, header, body] = /^#!lua[^\n]*\n--\[\[(.*?)\]\](.*)$/s.exec(source) ?? [];
  assert.ok(header !== undefined && body !== undefined, `${file} has a shebang and a header`);
  return [header, body];
}
