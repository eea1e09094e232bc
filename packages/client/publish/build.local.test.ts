import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { repository, temporaryFolder } from "@realchat/presence-testing";

const program = join(import.meta.dirname, "build.ts");
const env = { ...process.env, PATH: `${join(repository, "node_modules/.bin")}:${process.env.PATH}` };

test("every build is complete, however the compiler's threads take turns", async (t) => {
  const { path, remove } = temporaryFolder("builds");
  t.after(remove);
  const builds: string[][] = [];
  // Two at once, so that the threads have company.
  for (let round = 0; round < 4; round++) {
    const folders = [join(path, `${round}-a`), join(path, `${round}-b`)];
    await Promise.all(folders.map((folder) => promisify(execFile)(process.execPath, [program, folder], { env })));
    builds.push(...folders.map((folder) => globSync("**/*.{js,d.ts}", { cwd: folder }).sort()));
  }
  const [first = []] = builds;
  assert.ok(first.includes("proto/generated/google/protobuf/duration.js"));
  for (const files of builds) assert.deepEqual(files, first);
  // Each module has its types, and nothing else comes along.
  const modules = (end: string) => first.filter((file) => file.endsWith(end)).map((file) => file.slice(0, -end.length));
  assert.deepEqual(modules(".js"), modules(".d.ts"));
});
