import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { temporaryFolder } from "@realchat/presence-testing";
import { listenAddress } from "./address.ts";
import { parseCommandLine } from "./command-line.ts";
import { readConfigFile } from "./config-file.ts";
import type { Environment } from "./environment.ts";
import { group } from "./group.ts";
import { integer, listOf, oneOf, secret, toggle } from "./kinds.ts";
import { readSettings } from "./read-settings.ts";
import { redisUrl } from "./redis-url.ts";
import { live } from "./setting.ts";
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
    REDIS_PASSWORD: { kind: live(secret), meaning: "password" },
  }),
};

const noFlags = parseCommandLine(table, []);
const folder = temporaryFolder("settings");
after(() => folder.remove());

function read(argv: string[], environment: Environment = {}) {
  return readSettings(table, { commandLine: parseCommandLine(table, argv), environment });
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

  test("the config file's value counts where neither flag nor environment has one", () => {
    const path = join(folder.path, "presence.conf");
    writeFileSync(path, "SESSION_TTL=9s\nSHARDS=9\nEVENTS=memory\n");
    const configFile = readConfigFile(path, Object.keys(table));
    const environment = { SHARDS: "3", EVENTS: "" };
    const { values, origins } = readSettings(table, {
      ...{ commandLine: parseCommandLine(table, ["--session-ttl=5s"]), environment, configFile },
    });
    assert.deepEqual([values.SESSION_TTL, values.SHARDS, values.EVENTS], [5_000, 3, ["memory"]]);
    assert.deepEqual([origins.SESSION_TTL, origins.SHARDS, origins.EVENTS], ["flag", "environment", "config file"]);
    assert.equal(parseCommandLine(table, ["--config", path]).configFile, path);
    assert.deepEqual(parseCommandLine(table, ["--config"]).problems, ["--config has no value: give --config=file"]);
  });

  test("a secret may stand in a file of its own, whichever way that is named", () => {
    const path = join(folder.path, "password");
    writeFileSync(path, "hunter2\n");
    assert.equal(read([`--redis-password-file=${path}`]).values.REDIS_PASSWORD, "hunter2");
    const { values, origins } = read([], { REDIS_PASSWORD_FILE: path });
    assert.deepEqual([values.REDIS_PASSWORD, origins.REDIS_PASSWORD], ["hunter2", "environment"]);
    assert.equal(read(["--redis-password=flag"], { REDIS_PASSWORD_FILE: path }).values.REDIS_PASSWORD, "flag");
    assert.equal(read([`--redis-password-file=${path}`], { REDIS_PASSWORD: "env" }).values.REDIS_PASSWORD, "hunter2");
  });

  test("a secret that is given twice, or whose file is no use, is refused without its content", () => {
    const path = join(folder.path, "empty");
    writeFileSync(path, "\n");
    assert.deepEqual(problemsOf([], { REDIS_PASSWORD: "hunter2", REDIS_PASSWORD_FILE: path }).slice(0, 1), [
      "REDIS_PASSWORD and REDIS_PASSWORD_FILE are both set (environment): give one of them",
    ]);
    assert.deepEqual(problemsOf([`--redis-password-file=${path}`]), [
      `--redis-password-file=${path} is empty: give the path of a file with the value and nothing else`,
    ]);
    writeFileSync(path, "x".repeat(2 ** 16 + 1));
    assert.match(
      problemsOf([], { REDIS_PASSWORD_FILE: path })[0] ?? "",
      /is too long: give a file of at most 65536 bytes$/,
    );
    assert.match(problemsOf([], { REDIS_PASSWORD_FILE: `${path}.none` })[0] ?? "", /cannot be read \(ENOENT/);
    writeFileSync(path, "http://ada:hunter2@x");
    const urls = group("State", { REDIS_URL: { kind: redisUrl, meaning: "server" } });
    assert.throws(() => readSettings(urls, { commandLine: noFlags, environment: { REDIS_URL_FILE: path } }), {
      problems: [
        `REDIS_URL_FILE=${path} (environment) holds what is no URL of this kind: give redis://host:port or rediss://host:port`,
      ],
    });
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

A flag wins over the environment, and that over the config file; an empty value counts as not given.

  flag                           environment          default          meaning

Listening
  --http-addr host:port          HTTP_ADDR            127.0.0.1:8096   where to listen
  --allow-insecure               ALLOW_INSECURE       false            beyond loopback

Sessions
  --session-ttl duration         SESSION_TTL          60s              time to live
  --heartbeat-interval duration  HEARTBEAT_INTERVAL   SESSION_TTL / 3  how often
  --shards number                SHARDS               16               parts
  --events word,…                EVENTS               -                where to publish (kafka, memory)
  --redis-password secret        REDIS_PASSWORD       -                password; live
  --redis-password-file file     REDIS_PASSWORD_FILE  -                file that holds REDIS_PASSWORD

Config file
  --config file   has lines NAME=value, with the names of the environment

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
REDIS_PASSWORD_FILE=      # default
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
| \`REDIS_PASSWORD\` | \`--redis-password\` | - | password; live |
| \`REDIS_PASSWORD_FILE\` | \`--redis-password-file\` | - | file that holds REDIS_PASSWORD |
`,
    );
  });
});
