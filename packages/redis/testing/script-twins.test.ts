import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Script } from "../script.ts";
import { assertTwins, assertTwinsIn } from "./script-twins.ts";

const source = `#!lua flags=no-writes
--[[ Adds.
KEYS[1] total  string
ARGV[1] by     integer
Returns integer  the sum ]]
return redis.call('GET', KEYS[1]) + ARGV[1]
`;
const twin = { file: "add.lua", keys: ["total"], args: ["by"], source, sha1: "", returns: Number } satisfies Script;

test("a script and its twin that say the same pass", () => {
  assertTwins(twin);
});

test("a name, an order, an index or a header that differs fails, and says where", () => {
  assert.throws(() => assertTwins({ ...twin, args: ["amount"] }), /add\.lua declares the ARGV of its twin/);
  assert.throws(() => assertTwins({ ...twin, keys: ["total", "log"] }), /add\.lua declares the KEYS of its twin/);
  assert.throws(
    () => assertTwins({ ...twin, source: source.replace("+ ARGV[1]", "") }),
    /uses the ARGV that it declares/,
  );
  assert.throws(() => assertTwins({ ...twin, source: `${source}return KEYS[2]` }), /uses the KEYS that it declares/);
  assert.throws(() => assertTwins({ ...twin, source: source.replace("integer", "number") }), /says of by one of id, /);
  assert.throws(() => assertTwins({ ...twin, source: source.replace("Returns", "Gives") }), /says what it returns/);
  assert.throws(() => assertTwins({ ...twin, source: `${source}--#include sum` }), /has all that it includes/);
  assert.throws(() => assertTwins({ ...twin, source: "return 1" }), /has a shebang and a header/);
});

test("a channel among the keys fails", () => {
  const declared = (kind: "KEYS" | "ARGV") =>
    source
      .replace(
        "\nARGV[1] by     integer",
        kind === "KEYS" ? "\nKEYS[2] news   channel\nARGV[1] by     integer" : "$&\nARGV[2] news   channel",
      )
      .concat(`redis.call('SPUBLISH', ${kind}[2], '')\n`);
  assertTwins({ ...twin, args: ["by", "news"], source: declared("ARGV") });
  assert.throws(
    () => assertTwins({ ...twin, keys: ["total", "news"], source: declared("KEYS") }),
    /says of news one of/,
  );
});

test("what follows the arguments is declared, or not there", () => {
  const open = source.replace("\nReturns", "\nARGV[2...] more  text\nReturns");
  assertTwins({ ...twin, source: open, rest: "more" });
  for (const wrong of [
    { ...twin, rest: "more" },
    { ...twin, source: open },
    { ...twin, source: open, rest: "others" },
    { ...twin, source: open.replace("[2...]", "[3...]"), rest: "more" },
  ]) {
    assert.throws(() => assertTwins(wrong), /add\.lua declares the rest of its twin/);
  }
});

test("a script of the folder without a twin fails", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "scripts-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "sums"));
  writeFileSync(join(folder, "add.lua"), source);
  writeFileSync(join(folder, "part.lua"), "-- no script, only part of others");
  assertTwinsIn(pathToFileURL(`${folder}/`), [twin]);
  writeFileSync(join(folder, "sums", "more.lua"), source);
  assert.throws(() => assertTwinsIn(pathToFileURL(`${folder}/`), [twin]), /every script of the folder has a twin/);
});

test("a script whose pieces do not fit fails", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "scripts-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const whole = source.replace("return", "-- #include part\nreturn");
  const piece = "local twice = ARGV[1] * factor\n";
  writeFileSync(join(folder, "add.lua"), whole);
  writeFileSync(join(folder, "part.lua"), piece);
  const script = { ...twin, source: whole.replace("-- #include part", piece) };
  assert.throws(
    () => assertTwinsIn(pathToFileURL(`${folder}/`), [script]),
    /the pieces of add\.lua fit(.|\n)*part\.lua reads factor, which nothing in front of it gives/,
  );
});
