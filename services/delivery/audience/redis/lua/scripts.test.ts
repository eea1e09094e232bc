import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { assertTwins } from "@realchat/presence-redis/testing";
import { apply } from "./apply.ts";
import { maySee } from "./may-see.ts";
import { state } from "./state.ts";
import { visibleTo } from "./visible-to.ts";

const scripts = [apply, maySee, state, visibleTo];

test("every script and its typed twin name the same keys and arguments, in the same order", () => {
  for (const script of scripts) assertTwins(script);
});

test("every Lua file with a shebang has a twin", () => {
  const folder = new URL("./", import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith(".lua"));
  const whole = files.filter((file) => readFileSync(new URL(file, folder), "utf8").startsWith("#!lua"));
  assert.deepEqual(whole.sort(), scripts.map(({ file }) => file).sort());
});
