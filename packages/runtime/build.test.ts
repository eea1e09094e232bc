import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readBuild, showBuild } from "./build.ts";

const { version } = JSON.parse(readFileSync(new URL("./package.json", import.meta.url), "utf8")) as { version: string };

test("--version says the package's version, and the revision where the image knows it", () => {
  const build = readBuild(import.meta.url, { BUILD_REVISION: "1f3a9c2" });
  assert.deepEqual(build, { version, revision: "1f3a9c2" });
  assert.equal(showBuild("presence", build), `presence ${version}, revision 1f3a9c2\n`);
  assert.equal(showBuild("presence", readBuild(import.meta.url, {})), `presence ${version}\n`);
});
