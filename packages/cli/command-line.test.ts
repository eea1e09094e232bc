import assert from "node:assert/strict";
import { test } from "node:test";
import { oneOf } from "@realchat/presence-runtime";
import { type Command, defineCommand } from "./command.ts";
import { readCommandLine } from "./command-line.ts";
import { given } from "./flag.ts";

const pour = defineCommand({
  name: "pour",
  summary: "",
  operands: [
    { name: "DRINK", times: "once" },
    { name: "GUEST", times: "one-or-more" },
  ],
  flags: {
    size: { kind: oneOf(["small", "large"]), default: "small", variable: "POUR_SIZE", meaning: "" },
    ice: given(""),
  },
  details: "",
  examples: [],
  run: async () => {},
});
const stir = defineCommand({ ...pour, name: "stir", operands: [{ name: "DRINK", times: "once" }], flags: {} });
const washCup = defineCommand({ ...stir, name: "wash cup" });
const washPot = defineCommand({ ...stir, name: "wash pot" });
const commands: readonly Command[] = [pour, stir, washCup, washPot];

function read(line: string, environment: Record<string, string> = {}) {
  return readCommandLine(line.split(" "), commands, environment);
}

function flagsOf(line: string, environment: Record<string, string> = {}) {
  const read = readCommandLine(line.split(" "), commands, environment);
  assert.equal(read.kind, "run");
  return read.flags as Record<string, unknown>;
}

function usage(message: RegExp) {
  return (error: unknown) => {
    const { code, message: text } = error as { code: string; message: string };
    assert.equal(code, "USAGE");
    assert.match(text, message);
    return true;
  };
}

test("flags may stand before, between and after the operands, and end at --", () => {
  const line = read("--size large pour tea --ice alice -- --bob");
  assert.equal(line.kind, "run");
  assert.equal(line.command, pour);
  assert.deepEqual(line.operands, ["tea", "alice", "--bob"]);
  assert.equal(flagsOf("--size large pour tea --ice alice").size, "large");
  assert.equal(flagsOf("--size=large pour tea --ice alice").ice, true);
  assert.equal(flagsOf("pour tea alice").ice, false);
});

test("a flag goes before its variable, and that before the default; empty ones count for nothing", () => {
  assert.equal(flagsOf("pour tea alice").size, "small");
  assert.equal(flagsOf("pour tea alice", { POUR_SIZE: "large" }).size, "large");
  assert.equal(flagsOf("pour tea alice", { POUR_SIZE: "" }).size, "small");
  assert.equal(flagsOf("pour tea alice --size small", { POUR_SIZE: "large" }).size, "small");
});

test("help is asked for in every usual way, and wins over what is missing", () => {
  assert.deepEqual(read("--help"), { kind: "help", command: undefined, listed: commands });
  assert.deepEqual(read("help"), { kind: "help", command: undefined, listed: commands });
  assert.deepEqual(read("help pour"), { kind: "help", command: pour, listed: [pour] });
  assert.deepEqual(read("pour -h"), { kind: "help", command: pour, listed: [pour] });
  assert.deepEqual(read("wash --help"), { kind: "help", command: undefined, listed: [washCup, washPot] });
  assert.deepEqual(read("wash pot --help"), { kind: "help", command: washPot, listed: [washPot] });
});

test("a command may have a name of two words", () => {
  const line = read("wash pot tea");
  assert.equal(line.kind, "run");
  assert.equal(line.command, washPot);
  assert.deepEqual(line.operands, ["tea"]);
  assert.throws(() => read("wash"), usage(/^say what to do: wash cup, wash pot$/));
  assert.throws(() => read("wash pat tea"), usage(/no command "wash pat": did you mean "wash pot"\?/));
  assert.throws(() => read("wash pot"), usage(/wash pot needs DRINK: presence wash pot DRINK/));
});

test("the version is asked for without a command; a command has no such flag", () => {
  assert.deepEqual(read("--version"), { kind: "version" });
  assert.deepEqual(read("-v"), { kind: "version" });
  assert.throws(() => read("stir tea --version"), usage(/stir has no flag --version/));
});

test("a mistake is named, with what was probably meant", () => {
  assert.throws(() => readCommandLine([], commands, {}), usage(/^say what to do: pour, stir, wash cup, wash pot$/));
  assert.throws(() => read("poor tea alice"), usage(/no command "poor": did you mean "pour"\?/));
  assert.throws(() => read("constructor"), usage(/no command "constructor": there are pour, stir, wash cup/));
  assert.throws(() => read("pour"), usage(/pour needs DRINK and GUEST: presence pour DRINK GUEST\.\.\./));
  assert.throws(() => read("pour tea"), usage(/pour needs GUEST/));
  assert.throws(() => read("stir tea milk"), usage(/does not know what to do with "milk"/));
  assert.throws(
    () => read("pour tea alice --sice large"),
    usage(/pour has no flag --sice: did you mean --(size|ice)\?/),
  );
  assert.throws(() => read("stir tea --ice"), usage(/stir has no flag --ice/));
  assert.throws(
    () => read("stir tea --constructor"),
    usage(/stir has no flag --constructor: see "presence stir --help"/),
  );
});

test("a wrong value says which, why and what would be right, wherever it came from", () => {
  assert.throws(() => read("pour tea alice --size huge"), usage(/^--size huge is unknown: give small or large$/));
  assert.throws(() => read("pour tea alice", { POUR_SIZE: "huge" }), usage(/^POUR_SIZE huge is unknown/));
  assert.throws(() => read("pour tea alice --size"), usage(/^--size has no value: give --size word$/));
  assert.throws(() => read("pour tea alice --size --ice"), usage(/^--size has no value/));
  assert.throws(() => read("pour tea alice --size="), usage(/^--size has no value/));
  assert.throws(() => read("stir tea --timeout 5"), usage(/^--timeout 5 has no unit/));
  assert.throws(() => read("stir tea --addr 127.0.0.1"), usage(/^--addr 127.0.0.1 is not an address/));
});
