import assert from "node:assert/strict";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { minify_sync as minify } from "terser";

const folder = import.meta.dirname;
const modules = globSync("*.js", { cwd: folder }).map((name) => ({
  name,
  code: minify(readFileSync(join(folder, name), "utf8"), { module: true, compress: { passes: 2 } }).code ?? "",
}));

test("everything weighs less than 4 KB, minified and gzipped", () => {
  const bytes = gzipSync(modules.map(({ code }) => code).join("\n"), { level: 9 }).length;
  assert.ok(bytes > 500 && bytes < 4_000, `${bytes} bytes`);
});

test("what was weighed works", async () => {
  const built = mkdtempSync(join(tmpdir(), "realchat-web-"));
  for (const { name, code } of modules) writeFileSync(join(built, name), code);
  writeFileSync(join(built, "package.json"), '{"type":"module"}');
  const { PresenceClient } = await import(join(built, "index.js"));
  assert.equal(new PresenceClient({ url: "ws://127.0.0.1:1" }).state.kind, "closed");
  rmSync(built, { recursive: true });
});

test("it depends on nothing", () => {
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  assert.equal(dependencies, undefined);
  for (const { code } of modules) {
    for (const [, target] of code.matchAll(/from ?"([^"]*)"/g)) assert.match(target as string, /^\.\//);
  }
});
