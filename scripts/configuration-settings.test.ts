import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { withSettingsTables } from "./configuration-settings.ts";

describe("docs/configuration.md", () => {
  test("its tables of settings are what the services have; npm run generate writes it", () => {
    const document = readFileSync(new URL("../docs/configuration.md", import.meta.url), "utf8");
    assert.equal(document, withSettingsTables(document));
  });

  test("a document without a table's place is refused", () => {
    assert.throws(() => withSettingsTables("# RealChat"), /lacks the lines/);
  });
});
