import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { withSettingsTables } from "./readme-settings.ts";

describe("README", () => {
  test("its tables of settings are what the services have; npm run generate writes it", () => {
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
    assert.equal(readme, withSettingsTables(readme));
  });

  test("a README without a table's place is refused", () => {
    assert.throws(() => withSettingsTables("# RealChat"), /has no lines/);
  });
});
