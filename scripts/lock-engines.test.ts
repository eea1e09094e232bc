import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { repository } from "@realchat/presence-testing";
import { withoutForeignEngines } from "./lock-engines.ts";

test("npm ci has nothing to warn of on Node 20: no locked package wants a newer one", () => {
  const lock = readFileSync(join(repository, "package-lock.json"), "utf8");
  assert.ok(
    withoutForeignEngines(lock) === lock,
    "run `npm run generate`: it takes such engines out of package-lock.json",
  );
});

test("engines that Node 20 fits stay, others go", () => {
  const lockOf = (...ranges: (string | undefined)[]) =>
    `${JSON.stringify({ packages: Object.fromEntries(ranges.map((node, index) => [index, node === undefined ? {} : { engines: { node } }])) }, undefined, 2)}\n`;
  const fitting = [">=18", "^20.19.0 || >=22.12.0", "*", undefined];
  assert.equal(withoutForeignEngines(lockOf(...fitting)), lockOf(...fitting));
  const foreign = [">= 22.22.0 || >= 24.6.0", "^24"];
  assert.equal(withoutForeignEngines(lockOf(...foreign)), lockOf(undefined, undefined));
});
