import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { withSettingsTable } from "./readme-settings.ts";

describe("README", () => {
  test("its configuration table is what the settings say; npm run generate writes it", () => {
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
    assert.equal(readme, withSettingsTable(readme));
  });

  test("a README without the table's place is refused", () => {
    assert.throws(() => withSettingsTable("# RealChat"), /has no lines/);
  });
});
