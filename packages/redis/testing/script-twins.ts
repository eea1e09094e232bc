import assert from "node:assert/strict";
import type { Script } from "../script.ts";

/**
 * Holds a script's typed twin against its Lua: the header declares the same names in the same order, and the body uses
 * every index that is declared, and no other.
 */
export function assertTwins({ file, source, keys, args }: Script): void {
  const [header, body] = partsOf(source, file);
  for (const [kind, names] of [["KEYS", keys] as const, ["ARGV", args] as const]) {
    const declared = [...header.matchAll(new RegExp(`^${kind}\\[(\\d+)\\] (\\w+)`, "gm"))];
    assert.deepEqual(
      declared.map(([, index, name]) => `${index} ${name}`),
      names.map((name, index) => `${index + 1} ${name}`),
      `${file} declares the ${kind} of its twin`,
    );
    const used = [...body.matchAll(new RegExp(`\\b${kind}\\[(\\d+)\\]`, "g"))].map(([, index]) => Number(index));
    assert.deepEqual(
      [...new Set(used)].sort((a, b) => a - b),
      names.map((_, index) => index + 1),
      `${file} uses the ${kind} that it declares`,
    );
  }
  assert.match(header, /^Returns \w/m, `${file} says what it returns`);
}

function partsOf(source: string, file: string): [header: string, body: string] {
  const [, header, body] = /^#!lua[^\n]*\n--\[\[(.*?)\]\](.*)$/s.exec(source) ?? [];
  assert.ok(header !== undefined && body !== undefined, `${file} has a shebang and a header`);
  return [header, body];
}
