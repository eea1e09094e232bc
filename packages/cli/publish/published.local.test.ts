import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  type InstalledPrograms,
  installPrograms,
  nodeVersions,
  type PackedPackage,
  packPackage,
  repository,
  startPresence,
  type TestPresence,
} from "@realchat/presence-testing";

const { version } = JSON.parse(readFileSync(join(repository, "packages/cli/package.json"), "utf8"));
let presence: TestPresence;
let command: PackedPackage;
before(async () => {
  command = packPackage("packages/cli/publish/build.ts");
  presence = await startPresence();
});
after(async () => {
  command.remove();
  await presence.kill();
});

test("the package holds JavaScript and what it reads, and nothing of tests", () => {
  const others = command.packed.filter((path) => !path.endsWith(".js")).toSorted();
  assert.deepEqual(others, ["README.md", "package.json", "proto/generated/descriptors.binpb"]);
  assert.deepEqual(
    command.packed.filter((path) => /test|publish/.test(path)),
    [],
  );
});

for (const node of nodeVersions) {
  describe(`the command line, packed and installed globally on Node ${node}`, () => {
    let programs: InstalledPrograms;
    before(async () => {
      programs = await installPrograms({ tarball: command.tarball, node });
    });
    after(() => programs.remove());

    function run(...args: string[]) {
      const env = { ...programs.env, PRESENCE_ADDR: presence.grpcAddress };
      const { status, stdout, stderr } = spawnSync(join(programs.bin, "presence"), args, { env, encoding: "utf8" });
      return { code: status, stdout, stderr };
    }

    function answer(...args: string[]): string {
      const { code, stdout, stderr } = run(...args);
      assert.deepEqual([code, stderr], [0, ""]);
      return stdout;
    }

    test("it runs on that Node, and says what it is", () => {
      const { stdout } = spawnSync("node", ["--version"], { env: programs.env, encoding: "utf8" });
      assert.ok(stdout.startsWith(`v${node}.`), stdout);
      assert.equal(answer("--version"), `@realchat/presence-cli ${version}\n`);
      assert.match(answer("--help"), /^Ask and tell the presence service/);
      assert.match(answer("watch", "--help"), /^Usage: presence watch/);
    });

    test("it registers a device, shows it and unregisters it", () => {
      const user = `alice-${node}`;
      assert.match(
        answer("register", user, "phone", "--instance", "gw-1"),
        new RegExp(`^● ${user} is online on phone`),
      );
      assert.match(answer("get", user, "nobody"), new RegExp(`^● ${user} +online +on phone .*\\n○ nobody +offline`));
      assert.equal(JSON.parse(answer("devices", user, "--json")).devices[0].instanceId, "gw-1");
      assert.equal(answer("unregister", user, "phone"), `○ ${user} on phone is unregistered\n`);
      assert.equal(JSON.parse(answer("get", user, "--json")).online, false);
    });

    test("what is wrong is said as it is in the repository", () => {
      const typo = run("wach");
      assert.deepEqual([typo.code, typo.stdout], [2, ""]);
      assert.match(typo.stderr, /^presence: there is no command "wach": did you mean "watch"\?\n/);
      // Nobody listens on port 1; Kafka's client loads, where it can.
      const lost = run("events", "--brokers", "127.0.0.1:1");
      if (node === 20) assert.match(lost.stderr, /^presence: FAILED_PRECONDITION: reading Kafka takes Node 22/);
      else
        assert.match(
          lost.stderr,
          /^presence: Kafka at 127\.0\.0\.1:1 cannot be read \(Connection to 127\.0\.0\.1:1 failed: connect ECONNREFUSED/,
        );
      assert.equal(lost.code, node === 20 ? 1 : 3);
    });
  });
}
