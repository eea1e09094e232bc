import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { temporaryFolder } from "@realchat/presence-testing";
import { FakeClock } from "../fake-clock.ts";
import { FileWatch, fileIdentity, lookPeriodMs } from "./file-watch.ts";

/** A watch of files whose identities a test decides. */
async function watching(identities: Record<string, string>) {
  const clock = new FakeClock();
  let changes = 0;
  const watch = new FileWatch({ clock, onChange: () => changes++, identify: async (path) => identities[path] ?? "" });
  watch.watch(Object.keys(identities));
  await clock.advance(3 * lookPeriodMs);
  assert.equal(changes, 1, "what was new counts as changed");
  changes = 0;
  return { clock, watch, looks: (count: number) => clock.advance(count * lookPeriodMs), changes: () => changes };
}

describe("file watch", () => {
  test("tells of a change once, when the files were left alone for one look", async () => {
    const identities = { certificate: "1", key: "1" };
    const { looks, changes } = await watching(identities);
    await looks(5);
    assert.equal(changes(), 0);
    identities.certificate = "2";
    await looks(1);
    identities.key = "2";
    await looks(1);
    assert.equal(changes(), 0, "the key came a moment after the certificate");
    await looks(1);
    assert.equal(changes(), 1);
    await looks(5);
    assert.equal(changes(), 1);
  });

  test("a file that is watched anew counts as changed, one that is no more watched does not", async () => {
    const identities: Record<string, string> = { certificate: "1" };
    const { watch, looks, changes } = await watching(identities);
    watch.watch(["other"]);
    identities.certificate = "2";
    await looks(2);
    assert.equal(changes(), 1);
    identities.certificate = "3";
    await looks(2);
    assert.equal(changes(), 1);
  });

  test("looks wait for one another, and end when it is closed", async () => {
    const clock = new FakeClock();
    let asked = 0;
    const identify = () => new Promise<string>(() => asked++);
    const watch = new FileWatch({ clock, onChange: () => assert.fail("nothing changed"), identify });
    watch.watch(["certificate"]);
    await clock.advance(10 * lookPeriodMs);
    assert.equal(asked, 1);
    watch.close();
    assert.equal(clock.pendingTimers, 0);
  });
});

describe("a file's identity", () => {
  const folder = temporaryFolder("file-watch");
  after(() => folder.remove());
  const at = (...names: string[]) => join(folder.path, ...names);

  test("differs when it is written, replaced with the same size and time, gone, and back", async () => {
    const path = at("token");
    const identities = [await fileIdentity(path)];
    const note = async () => identities.push(await fileIdentity(path));
    writeFileSync(path, "one");
    utimesSync(path, 1_000, 1_000);
    await note();
    assert.equal(await fileIdentity(path), identities.at(-1), "it stays while nothing happens");
    writeFileSync(at("next"), "two");
    utimesSync(at("next"), 1_000, 1_000);
    renameSync(at("next"), path);
    await note();
    rmSync(path);
    await note();
    assert.equal(identities[2] === identities[1], false);
    assert.equal(identities[3], identities[0]);
  });

  test("differs when a link on the way to it is replaced, as Kubernetes does", async () => {
    for (const version of ["..1", "..2"]) {
      mkdirSync(at(version));
      writeFileSync(at(version, "tls.crt"), version);
    }
    symlinkSync("..1", at("..data"));
    symlinkSync(join("..data", "tls.crt"), at("tls.crt"));
    const before = await fileIdentity(at("tls.crt"));
    symlinkSync("..2", at("..data_tmp"));
    renameSync(at("..data_tmp"), at("..data"));
    assert.notEqual(await fileIdentity(at("tls.crt")), before);
  });
});
