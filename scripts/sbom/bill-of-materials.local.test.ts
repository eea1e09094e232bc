import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { repository } from "@realchat/presence-testing";
import { bomOf } from "./bill-of-materials.ts";

const manifest = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));

test("the bill of materials has all that is run, with what that needs in turn, and nothing that only builds and tests", () => {
  const { bomFormat, components, dependencies } = bomOf(repository);
  assert.equal(bomFormat, "CycloneDX");
  const listed = new Set(components.map(({ name, version }) => `${name}@${version}`));
  for (const [name, version] of Object.entries(manifest.dependencies))
    assert.ok(listed.has(`${name}@${version}`), name);
  const tools = ["@biomejs/biome", "@bufbuild/buf", "axe-core", "fast-check", "luaparse", "playwright-core"];
  for (const name of [...tools, "ts-proto", "typescript"]) {
    assert.ok(!components.some((component) => component.name === name), name);
  }
  const refs = new Set(components.map((component) => component["bom-ref"]));
  for (const { ref, dependsOn } of dependencies.slice(1)) {
    for (const each of [ref, ...dependsOn]) assert.ok(refs.has(each), `${each} is needed and not listed`);
  }
});
