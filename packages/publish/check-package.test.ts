import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { temporaryFolder } from "@realchat/presence-testing";
import { checkPackage } from "./check-package.ts";

const { path, remove } = temporaryFolder("package");
after(remove);
let folder: string;
let count = 0;
beforeEach(() => {
  count += 1;
  folder = join(path, String(count));
  write({
    "package.json": JSON.stringify({
      ...{ name: "own", version: "1.0.0", bin: { own: "main.js" } },
      exports: { ".": { types: "./a.d.ts", default: "./a.js" }, "./package.json": "./package.json" },
      ...{ dependencies: { declared: "1.0.0" }, peerDependencies: { peer: "1.0.0" } },
      optionalDependencies: { perhaps: "1.0.0" },
    }),
    "main.js": 'import "./a.js";',
    "a.js": 'import { x } from "./sub/b.js";\nexport const y = x;',
    "a.d.ts": 'export { y } from "./sub/b.ts";',
    "sub/b.js": 'const data = new URL("./data.bin", import.meta.url);',
    "sub/b.d.ts": 'export declare const y: import("../hand.d.ts").Hand;',
    "sub/data.bin": "",
    "hand.d.ts": "export type Hand = 1;",
  });
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}

test("a package that has all it imports, reads and promises is complete", () => {
  write({
    "c.js": [
      ...['import "declared/sub";', 'import { readFile } from "node:fs/promises";', 'import fs from "fs";'],
      ...['export * from "peer";', 'await import("perhaps");', 'import self from "own/package.json";'],
      '/** A mode of "from" | "to", where quotation marks follow the word. */',
    ].join("\n"),
  });
  checkPackage(folder);
});

for (const [what, files, complaint] of [
  ["code that is imported", { "a.js": 'import "./gone.js";' }, /a\.js imports \.\/gone\.js/],
  ["code that is handed on", { "a.js": "export { x } from './gone.js';" }, /a\.js imports \.\/gone\.js/],
  ["code that is imported later", { "a.js": 'await import("../gone.js");' }, /a\.js imports \.\.\/gone\.js/],
  ["imports that no file has as it is written", { "a.js": 'import "./sub/b";' }, /a\.js imports \.\/sub\/b,/],
  ["types of code that is there", { "a.d.ts": 'import "./main.js";' }, /a\.d\.ts imports \.\/main\.d\.ts/],
  ["types within a type", { "a.d.ts": 'type X = import("./gone.ts").X;' }, /a\.d\.ts imports \.\/gone\.d\.ts/],
  ["files that are read", { "a.js": 'new URL("./a.lua", import.meta.url)' }, /a\.js reads \.\/a\.lua/],
  ["packages of others", { "a.js": 'import z from "zod";' }, /a\.js imports zod, which package\.json does not declare/],
  ["packages of ours", { "a.d.ts": 'import "@our/a/b";' }, /a\.d\.ts imports @our\/a, which package\.json does not/],
  ["promised files", { "package.json": '{"name":"own","bin":{"own":"x.js"}}' }, /package\.json promises x\.js/],
  ["promised types", { "package.json": '{"exports":{".":{"types":"./x.d.ts"}}}' }, /promises \.\/x\.d\.ts/],
] as const) {
  test(`a package without ${what} is refused, and told who wants it`, () => {
    write(files);
    assert.throws(() => checkPackage(folder), complaint);
  });
}
