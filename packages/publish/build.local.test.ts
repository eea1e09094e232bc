import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { repository, temporaryFolder } from "@realchat/presence-testing";

/** Files with their content. */
type Built = Readonly<Record<string, string>>;

async function build(name: string, folder: string): Promise<Built> {
  await promisify(execFile)(process.execPath, [join(repository, "packages", name, "publish/build.ts"), folder]);
  const files = globSync("**/*.*", { cwd: folder }).sort();
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file), "latin1")]));
}

/** What was built several times; two at once, so that the compiler's threads have company. */
async function builds(name: string, pairs: number): Promise<Built[]> {
  const { path, remove } = temporaryFolder("builds");
  const built: Built[] = [];
  for (let round = 0; round < pairs; round++) {
    built.push(...(await Promise.all(["a", "b"].map((side) => build(name, join(path, `${round}-${side}`))))));
  }
  remove();
  return built;
}

function modules(built: Built, end: string): string[] {
  const files = Object.keys(built).filter((file) => file.endsWith(end));
  return files.map((file) => file.slice(0, -end.length)).sort();
}

test("every build of the SDK is complete, however the compiler's threads take turns", async () => {
  const [first = {}, ...others] = await builds("client", 2);
  assert.ok("proto/generated/google/protobuf/duration.js" in first);
  for (const other of others) assert.deepEqual(other, first);
  // Each module has its types, and nothing else comes along.
  assert.deepEqual(modules(first, ".js"), modules(first, ".d.ts"));
});

test("every build of the command line is the same, and has code without types", async () => {
  const [first = {}, ...others] = await builds("cli", 1);
  assert.ok(first["cli/main.js"]?.startsWith("#!/usr/bin/env node\n"));
  assert.ok("proto/generated/google/protobuf/duration.js" in first);
  for (const other of others) assert.deepEqual(other, first);
  assert.deepEqual(modules(first, ".d.ts"), []);
});

test("every build of the web client is the same, with its modules as they are", async () => {
  const [first = {}, ...others] = await builds("web-client", 1);
  for (const other of others) assert.deepEqual(other, first);
  for (const module of modules(first, ".js")) {
    const source = readFileSync(join(repository, "packages/web-client", `${module}.js`), "latin1");
    assert.equal(first[`${module}.js`], source);
  }
  // types.d.ts is written by hand.
  assert.deepEqual([...modules(first, ".js"), "types"].sort(), modules(first, ".d.ts"));
});
