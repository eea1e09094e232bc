import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { temporaryFolder } from "@realchat/presence-testing";
import { FakeClock } from "../fake-clock.ts";
import { createLog } from "../log.ts";
import { group } from "../settings/group.ts";
import { listeningTls, listeningTlsConflicts, listeningTlsSettings } from "../settings/listening-tls-settings.ts";
import { loadSettings } from "../settings/load-settings.ts";
import { lookPeriodMs } from "./file-watch.ts";
import { Reloading } from "./reloading.ts";

const program = {
  settings: group("Listening", listeningTlsSettings("it")),
  usage: "Usage: program",
  version: "",
  workOut: <Given>(given: Given) => given,
  conflictsAmong: (values: Parameters<typeof listeningTls>[0]) => [...listeningTlsConflicts(values)],
  configOf: listeningTls,
};

describe("reloading", () => {
  const folder = temporaryFolder("reloading");
  after(() => folder.remove());
  const [first, second] = [issueCertificates().server, issueCertificates().server];

  /** A service that runs with the first certificate. */
  function running(name: string, apply: (key: string | undefined) => void = () => {}) {
    const [TLS_CERT, TLS_KEY] = [join(folder.path, `${name}.crt`), join(folder.path, `${name}.key`)];
    const write = ({ certificate, key }: typeof first) => {
      writeFileSync(TLS_CERT, certificate);
      writeFileSync(TLS_KEY, key);
    };
    write(first);
    const start = loadSettings(program, [], { TLS_CERT, TLS_KEY });
    assert.equal(start.kind, "run");
    const clock = new FakeClock();
    const lines: string[] = [];
    const log = createLog(
      { service: "presence", instance: "node-1", level: "info", format: "json" },
      { write: (line) => lines.push(JSON.parse(line).msg) },
    );
    // What a test changes, it says itself: the real look at a file takes longer than the clock of a test.
    let version = 0;
    const reloading = new Reloading({
      ...{ settings: start.settings, clock, log, identify: async () => String(version) },
      apply: (config) => apply(config?.key),
    });
    const changed = () => {
      version++;
      return clock.advance(2 * lookPeriodMs);
    };
    return { reloading, write, changed, lines, files: { TLS_CERT, TLS_KEY } };
  }

  test("what changed is taken over, and told; a look that finds all as it was says nothing", async () => {
    const applied: (string | undefined)[] = [];
    const { reloading, write, changed, lines } = running("changed", (key) => applied.push(key));
    await changed();
    assert.deepEqual([applied, lines], [[], []]);
    write(second);
    await changed();
    assert.deepEqual([applied, lines], [[second.key], ["read again: TLS_CERT, TLS_KEY"]]);
    assert.deepEqual(reloading.metrics(), { applied: 1, refused: 0, isRefused: false });
  });

  test("on demand it reads at once, and answers also when nothing changed", async () => {
    const applied: (string | undefined)[] = [];
    const { reloading, write, lines } = running("asked", (key) => applied.push(key));
    await reloading.reload();
    write(second);
    await reloading.reload();
    assert.deepEqual(lines, ["read again: nothing changed", "read again: TLS_CERT, TLS_KEY"]);
    assert.deepEqual(applied, [second.key]);
  });

  test("what is wrong is refused in whole, told without its content, and counted until it is right", async () => {
    const applied: (string | undefined)[] = [];
    const { reloading, write, changed, lines, files } = running("refused", (key) => applied.push(key));
    write({ ...second, key: "-----BEGIN PRIVATE KEY-----\nhunter2" });
    await changed();
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /^what was read again is refused, and the old stays in force: a setting is wrong/);
    assert.match(lines[0] ?? "", /TLS_KEY=.* has no usable private key/);
    assert.doesNotMatch(lines[0] ?? "", /hunter2/);
    write({ ...second, key: first.key });
    await changed();
    assert.match(lines[1] ?? "", /is not the key of TLS_CERT/);
    rmSync(files.TLS_KEY);
    await changed();
    assert.match(lines[2] ?? "", /ENOENT/);
    assert.deepEqual(applied, []);
    assert.deepEqual(reloading.metrics(), { applied: 0, refused: 3, isRefused: true });
    write(second);
    await changed();
    assert.deepEqual(applied, [second.key]);
    assert.deepEqual(reloading.metrics(), { applied: 1, refused: 3, isRefused: false });
  });

  test("what cannot be applied counts as refused, and is tried again with the next change", async () => {
    let isBroken = true;
    const { reloading, write, changed, lines } = running("unusable", () => {
      if (isBroken) throw new Error("the certificate cannot be used");
    });
    write(second);
    await changed();
    assert.match(lines[0] ?? "", /refused.*: the certificate cannot be used$/);
    isBroken = false;
    await changed();
    assert.equal(lines[1], "read again: TLS_CERT, TLS_KEY");
    assert.deepEqual(reloading.metrics(), { applied: 1, refused: 1, isRefused: false });
  });
});
