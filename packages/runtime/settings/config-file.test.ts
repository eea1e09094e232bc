import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { temporaryFolder } from "@realchat/presence-testing";
import { readConfigFile } from "./config-file.ts";

describe("config file", () => {
  const folder = temporaryFolder("config-file");
  after(() => folder.remove());
  const path = join(folder.path, "presence.conf");
  const read = (...lines: string[]) => {
    writeFileSync(path, lines.join("\n"));
    return readConfigFile(path, ["SHARDS", "SESSION_TTL", "REDIS_PASSWORD"]);
  };

  test("has lines NAME=value, blank ones and comments; quotes keep what would begin a comment", () => {
    const { given, problems } = read(
      "# ours",
      "",
      "SHARDS=32  # many",
      "export SESSION_TTL=90s",
      'REDIS_PASSWORD="a #b"\r',
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(Object.fromEntries(given), { SHARDS: "32", SESSION_TTL: "90s", REDIS_PASSWORD: "a #b" });
  });

  test("all that cannot be understood is told with its line, and without the value", () => {
    const { problems } = read(
      "SESION_TTL=5s",
      "SHARDS 32",
      "REDIS_PASSWORD=hunter2",
      "REDIS_PASSWORD=hunter3",
      "COLOUR=red",
    );
    assert.deepEqual(problems, [
      `line 1 of ${path} has SESION_TTL, which is not a setting: did you mean SESSION_TTL?`,
      `line 2 of ${path} is not understood: give NAME=value`,
      `line 4 of ${path} gives REDIS_PASSWORD a second time: give it once`,
      `line 5 of ${path} has COLOUR, which is not a setting: see --help`,
    ]);
  });

  test("that is not there is told", () => {
    assert.match(readConfigFile(`${path}.none`, []).problems[0] ?? "", /^--config=.*none cannot be read: ENOENT/);
  });
});
