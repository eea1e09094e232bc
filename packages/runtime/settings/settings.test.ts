import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { listenAddress } from "./address.ts";
import { parseCommandLine } from "./command-line.ts";
import type { Environment } from "./environment.ts";
import { integer, listOf, oneOf, secret, toggle } from "./kinds.ts";
import { readSettings } from "./read-settings.ts";
import { group } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";
import { configText, helpText, markdownTable } from "./show-settings.ts";
import { duration } from "./units.ts";

const table = {
  ...group("Listening", {
    HTTP_ADDR: { kind: listenAddress, default: "127.0.0.1:8096", meaning: "where to listen" },
    ALLOW_INSECURE: { kind: toggle, default: "false", meaning: "beyond loopback" },
  }),
  ...group("Sessions", {
    SESSION_TTL: { kind: duration({ min: 1_000, max: 3_600_000 }), default: "60s", meaning: "time to live" },
    HEARTBEAT_INTERVAL: {
      kind: duration({ min: 100, max: 3_600_000 }),
      default: { meaning: "SESSION_TTL / 3" },
      meaning: "how often",
    },
    SHARDS: { kind: integer({ min: 1, max: 1_024 }), default: "16", meaning: "parts" },
    EVENTS: { kind: listOf(oneOf(["kafka", "memory"])), meaning: "where to publish" },
    REDIS_PASSWORD: { kind: secret, meaning: "password" },
  }),
};

function read(argv: string[], environment: Environment = {}) {
  return readSettings(table, parseCommandLine(table, argv), environment);
}

function problemsOf(argv: string[], environment: Environment = {}): readonly string[] {
  try {
    read(argv, environment);
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    return error.problems;
  }
  return [];
}

describe("reading settings", () => {
  test("with nothing given, every value is its default", () => {
    const { values, origins } = read([]);
    assert.deepEqual(values, {
      HTTP_ADDR: { host: "127.0.0.1", port: 8096 },
      ALLOW_INSECURE: false,
      SESSION_TTL: 60_000,
      SHARDS: 16,
    });
    assert.ok(Object.values(origins).every((origin) => origin === "default"));
  });

  test("a flag wins over the environment, which wins over the default", () => {
    const { values, origins } = read(["--session-ttl", "5s"], { SESSION_TTL: "7s", SHARDS: "3" });
    assert.deepEqual([values.SESSION_TTL, origins.SESSION_TTL], [5_000, "flag"]);
    assert.deepEqual([values.SHARDS, origins.SHARDS], [3, "environment"]);
    assert.equal(origins.HTTP_ADDR, "default");
  });

  test("flags take their value after a space or an equals sign; the last of a repeated flag counts", () => {
    assert.equal(read(["--session-ttl=5s"]).values.SESSION_TTL, 5_000);
    assert.equal(read(["--shards", "2", "--shards", "3"]).values.SHARDS, 3);
    assert.equal(read(["--redis-password=--x=y"]).values.REDIS_PASSWORD, "--x=y");
  });

  test("a switch needs no value, but may have one", () => {
    assert.equal(read(["--allow-insecure"]).values.ALLOW_INSECURE, true);
    assert.equal(read(["--allow-insecure=false"], { ALLOW_INSECURE: "true" }).values.ALLOW_INSECURE, false);
  });

  test("an empty text counts as not given", () => {
    const { values, origins } = read(["--shards="], { SHARDS: "3", SESSION_TTL: "" });
    assert.deepEqual([values.SHARDS, origins.SHARDS], [3, "environment"]);
    assert.deepEqual([values.SESSION_TTL, origins.SESSION_TTL], [60_000, "default"]);
  });

  test("all that is wrong is reported at once: which setting, what was given, why, and what would be right", () => {
    assert.deepEqual(problemsOf(["--shards=4096", "--events", "kafka,mermory"], { SESSION_TTL: "5", HTTP_ADDR: "x" }), [
      "HTTP_ADDR=x (environment) is not an address: give host:port, :port, port or [IPv6]:port, such as 127.0.0.1:50056",
      "SESSION_TTL=5 (environment) has no unit: give a duration such as 500ms, 60s, 2m, 1h or 7d, from 1s to 1h",
      "--shards=4096 is too large: give a whole number from 1 to 1024",
      "--events=kafka,mermory: entry 2 is unknown: give kafka or memory",
    ]);
  });

  test("an unknown flag is refused, with the nearest one that exists", () => {
    assert.deepEqual(problemsOf(["--sesion-tll=5s"]), [
      "--sesion-tll is not a known flag: did you mean --session-ttl?",
    ]);
    assert.deepEqual(problemsOf(["--hlep"]), ["--hlep is not a known flag: did you mean --help?"]);
    assert.deepEqual(problemsOf(["--colour", "-x"]), [
      "--colour is not a known flag: see --help",
      "-x is not a known flag: see --help",
    ]);
  });

  test("a value that is missing, or stands alone, is refused", () => {
    assert.deepEqual(problemsOf(["--shards"]), ["--shards has no value: give --shards=number"]);
    assert.deepEqual(problemsOf(["--shards", "--allow-insecure"]), ["--shards has no value: give --shards=number"]);
    assert.deepEqual(problemsOf(["16"]), ["16 is not a flag: give --flag value or --flag=value"]);
  });

  test("the error's message says how many, and lists them", () => {
    assert.throws(() => read(["-x"]), {
      message: "a setting is wrong (--help lists all settings):\n  -x is not a known flag: see --help",
    });
    assert.throws(() => read(["-x", "y"]), {
      message: /^2 settings are wrong \(--help lists all settings\):\n {2}-x.*\n {2}y/,
    });
  });
});

describe("showing settings", () => {
  test("--help wins over --print-config, and over whatever is wrong", () => {
    assert.equal(parseCommandLine(table, ["--print-config"]).asksFor, "print-config");
    assert.equal(parseCommandLine(table, ["-h", "--print-config", "--nonsense"]).asksFor, "help");
    assert.equal(parseCommandLine(table, ["--version", "--nonsense"]).asksFor, "version");
    assert.equal(parseCommandLine(table, []).asksFor, undefined);
  });

  test("--help is an aligned table by group", () => {
    assert.equal(
      helpText("Usage: program", table),
      `Usage: program

A flag wins over the environment; an empty value counts as not given.

  flag                           environment         default          meaning

Listening
  --http-addr host:port          HTTP_ADDR           127.0.0.1:8096   where to listen
  --allow-insecure               ALLOW_INSECURE      false            beyond loopback

Sessions
  --session-ttl duration         SESSION_TTL         60s              time to live
  --heartbeat-interval duration  HEARTBEAT_INTERVAL  SESSION_TTL / 3  how often
  --shards number                SHARDS              16               parts
  --events word,…                EVENTS              -                where to publish (kafka, memory)
  --redis-password secret        REDIS_PASSWORD      -                password

Instead of starting
  --help          prints this
  --version       prints which release this is
  --print-config  prints every value in effect
`,
    );
  });

  test("--print-config shows each value, where it came from, and no secret", () => {
    const { values, origins } = read(["--session-ttl=90s"], { REDIS_PASSWORD: "hunter2", EVENTS: "kafka, memory" });
    assert.equal(
      configText(table, { ...values, HEARTBEAT_INTERVAL: 30_000 }, origins),
      `# Listening
HTTP_ADDR=127.0.0.1:8096  # default
ALLOW_INSECURE=false      # default

# Sessions
SESSION_TTL=90s           # flag
HEARTBEAT_INTERVAL=30s    # default
SHARDS=16                 # default
EVENTS=kafka,memory       # environment
REDIS_PASSWORD=***        # environment
`,
    );
  });

  test("the Markdown table has a row for every setting", () => {
    assert.equal(
      markdownTable(table),
      `| environment | flag | default | meaning |
| --- | --- | --- | --- |
| **Listening** | | | |
| \`HTTP_ADDR\` | \`--http-addr\` | \`127.0.0.1:8096\` | where to listen |
| \`ALLOW_INSECURE\` | \`--allow-insecure\` | \`false\` | beyond loopback |
| **Sessions** | | | |
| \`SESSION_TTL\` | \`--session-ttl\` | \`60s\` | time to live |
| \`HEARTBEAT_INTERVAL\` | \`--heartbeat-interval\` | SESSION_TTL / 3 | how often |
| \`SHARDS\` | \`--shards\` | \`16\` | parts |
| \`EVENTS\` | \`--events\` | - | where to publish (kafka, memory) |
| \`REDIS_PASSWORD\` | \`--redis-password\` | - | password |
`,
    );
  });
});
