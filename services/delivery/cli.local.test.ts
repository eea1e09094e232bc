import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  bareEnvironment,
  freePort,
  repository,
  startChild,
  startDelivery,
  startPresence,
  type TestDelivery,
  type TestPresence,
  temporaryFolder,
  waitUntil,
} from "@realchat/presence-testing";
import { connect, jsonProtocol } from "./testing/socket-client.ts";

const folder = temporaryFolder("import-into-gateway");
let presence: TestPresence;
let gateway: TestDelivery;
before(async () => {
  presence = await startPresence();
  gateway = await startDelivery({ env: { PRESENCE_SVC_ADDR: presence.grpcAddress, SAMPLE_CAST: "false" } });
});
after(async () => {
  await gateway?.stop();
  await presence?.stop();
  folder.remove();
});

async function run(...args: string[]) {
  const child = await startChild(process.execPath, [join(import.meta.dirname, "cli.ts"), ...args], {
    ...{ logFile: join(folder.path, "output"), cwd: repository },
    env: bareEnvironment,
  });
  return { code: await child.untilEnded(), output: child.output() };
}

/** Runs `audience import` on a file with these lines. */
async function importing(facts: readonly unknown[], address = gateway.httpAddress) {
  const file = join(folder.path, "audience.jsonl");
  writeFileSync(file, facts.map((fact) => `${JSON.stringify(fact)}\n`).join(""));
  return await run("audience", "import", file, "--http-addr", address);
}

describe("audience import into a gateway that runs", () => {
  test("shows users to each other, and hides them, on open sockets", async () => {
    const ann = await connect({ address: gateway.socketAddress, userId: "ann" });
    const bob = await connect({ address: gateway.socketAddress, userId: "bob" });
    await Promise.all([ann.untilSnapshot(), bob.untilSnapshot()]);
    assert.equal(ann.users.size, 0);
    const { code, output } = await importing([{ conversation_id: "room", participants: ["ann", "bob"] }]);
    assert.match(
      output,
      /^imported 1 conversations, 0 contacts, 0 blocks and 0 policies\nthe gateway has it in memory: start it with AUDIENCE_FILE/,
    );
    assert.equal(code, 0);
    await Promise.all([ann.untilTold("bob", true), bob.untilTold("ann", true)]);
    await importing([{ user_id: "bob", blocked: "ann" }]);
    for (const [client, other] of [
      [ann, "bob"],
      [bob, "ann"],
    ] as const) {
      await waitUntil(() => !client.users.has(other), { what: `${other} is hidden` });
      assert.deepEqual(client.frames.at(-1), { type: "hidden", users: [other] });
      client.socket.close();
    }
  });

  test("with an error in the file changes nothing, and names the line", async () => {
    const cid = await connect({ address: gateway.socketAddress, userId: "cid" });
    await cid.untilSnapshot();
    const { code, output } = await importing([
      { conversation_id: "club", participants: ["cid", "dan"] },
      { user_id: "cid" },
    ]);
    assert.equal(code, 1);
    assert.match(output, /line 2 needs exactly one of conversation_id, contact_id, blocked and privacy/);
    assert.equal((await gateway.metrics()).get("delivery_directory_relations"), 4);
    cid.socket.close();
  });

  test("says how many contacts are mutual, and what one-sided ones lack", async () => {
    const contact = (user_id: string, contact_id: string) => ({ user_id, contact_id });
    const { code, output } = await importing([contact("gil", "hal"), contact("hal", "gil"), contact("gil", "ivy")]);
    assert.equal(code, 0);
    assert.match(
      output,
      /imported 0 conversations, 3 contacts, 0 blocks and 0 policies\n1 pairs of contacts are mutual in this file, 1 are one-sided\n/,
    );
    assert.ok(output.includes('for gil and ivy, for one, add {"user_id":"ivy","contact_id":"gil"}'), output);
  });

  describe("says of a file that it cannot import what is wrong with it", () => {
    const inFolder = (name: string) => join(folder.path, name);
    const file = (name: string, content: string | Buffer) => {
      writeFileSync(inFolder(name), content);
      return inFolder(name);
    };
    const cases: [what: string, path: () => string, message: RegExp][] = [
      ["there is none", () => "/missing", /^audience import: \/missing does not exist: name a file/],
      [
        "its folder is none",
        () => join(file("flat", "x"), "y"),
        /^audience import: .*flat\/y does not exist: a part of/,
      ],
      ["a folder", () => folder.path, /^audience import: .* is a folder: name a file/],
      ["a device", () => "/dev/null", /^audience import: \/dev\/null is no regular file, and it is read twice/],
      ["empty", () => file("empty", "\n\n"), /^audience import: .*empty is empty: nothing is imported\n$/],
      ["packed", () => file("packed", gzipSync("{}")), /^audience import: .*packed: line 1 is not UTF-8: is it text/],
      ["binary", () => file("binary", Buffer.from([80, 75, 3, 4, 0, 10])), /binary: line 1 is no JSON: [^\p{Cc}]*\n$/u],
      ["an array", () => file("array", "[]"), /array: line 1 is an array: write one object a line/],
      ["wrong in its third line", () => file("third", '\n{"user_id":"a","blocked":"b"}\n{}\n'), /third: line 3 needs/],
    ];
    for (const [what, path, message] of cases) {
      test(what, async () => {
        const { code, output } = await run("audience", "import", path(), "--http-addr", gateway.httpAddress);
        assert.match(output, message);
        assert.equal(code, 1);
        assert.doesNotMatch(output, /cannot start|at .*\.ts/);
      });
    }
  });

  test("reports that no gateway is reachable", async () => {
    const nowhere = `127.0.0.1:${await freePort()}`;
    const { code, output } = await importing([{ user_id: "ann", contact_id: "bob" }], nowhere);
    assert.equal(code, 1);
    assert.match(output, new RegExp(`http://${nowhere}/audience/import cannot be asked: connect ECONNREFUSED`));
  });
});

describe("token", () => {
  const secret = "a secret of at least thirty-two bytes";

  test("is accepted by a gateway with the same settings", async (t) => {
    const env = { JWT_SECRET: secret, JWT_ISSUER: "login", JWT_AUDIENCE: "chat" };
    const strict = await startDelivery({ env: { PRESENCE_SVC_ADDR: presence.grpcAddress, ...env } });
    t.after(() => strict.stop());
    const flags = ["--jwt-secret", secret, "--jwt-issuer", "login", "--jwt-audience", "chat"];
    const { code, output } = await run("token", "ada", ...flags);
    assert.equal(code, 0);
    const protocols = [jsonProtocol, `bearer.${output.trim()}`];
    const client = await connect({ address: strict.socketAddress, protocols });
    await client.untilSnapshot();
    client.socket.close();
    const foreign = await run("token", "ada", "--jwt-secret", secret);
    const refused = await connect({
      address: strict.socketAddress,
      protocols: [jsonProtocol, `bearer.${foreign.output.trim()}`],
    });
    assert.equal((await refused.untilClosed()).code, 4401);
  });

  test("needs the secret, and asks for it", async () => {
    const { code, output } = await run("token", "ada");
    assert.equal(code, 1);
    assert.match(output, /signed with JWT_SECRET/);
  });
});

test("without a command it prints the commands", async () => {
  const { code, output } = await run("audience");
  assert.equal(code, 2);
  assert.match(output, /audience import FILE[\s\S]*token USER/);
  assert.equal((await run("--help")).code, 0);
});

/** What it writes to each, and its exit code. */
function ran(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, "cli.ts"), ...args], {
    ...{ cwd: repository, env: bareEnvironment, encoding: "utf8" },
  });
  return { status, stdout, stderr };
}

test("--version says which release it is", () => {
  const { status, stdout, stderr } = ran("--version");
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, /^delivery \d+\.\d+\.\d+\S*\n$/);
});

describe("help", () => {
  for (const args of [
    ["--help"],
    ["help"],
    ["audience", "--help"],
    ["audience", "import", "--help"],
    ["token", "ada", "--help"],
  ]) {
    test(`${args.join(" ")} is the answer: on stdout, exit code 0`, () => {
      const { status, stdout, stderr } = ran(...args);
      assert.deepEqual([status, stderr], [0, ""]);
      assert.match(stdout, /^Usage: npm run -s delivery -- COMMAND/);
    });
  }

  for (const args of [[], ["audience"], ["audience", "import"], ["token"], ["tokn", "ada"]]) {
    test(`"${args.join(" ")}" is no command: help on stderr, exit code 2`, () => {
      const { status, stdout, stderr } = ran(...args);
      assert.deepEqual([status, stdout], [2, ""]);
      assert.match(stderr, /^Usage: /);
    });
  }
});
