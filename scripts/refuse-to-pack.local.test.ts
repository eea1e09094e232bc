import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { repository } from "@realchat/presence-testing";

for (const folder of [".", "packages/client", "packages/web-client", "packages/cli"]) {
  test(`the sources in ${folder} are not packed by mistake: it is said what to do instead`, () => {
    const packing = ["pack", `./${folder}`, "--dry-run"];
    const { status, stderr } = spawnSync("npm", packing, { cwd: repository, encoding: "utf8" });
    assert.equal(status, 1);
    const builds = [...stderr.matchAll(/npx node (packages\/[a-z-]+\/publish\/build\.ts) \S+ && npm pack/g)];
    assert.equal(builds.length, 3);
    for (const [, build = ""] of builds) assert.ok(existsSync(join(repository, build)), build);
  });
}
