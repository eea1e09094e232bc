import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, cpSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import {
  bareEnvironment,
  type Child,
  freePort,
  startChild,
  temporaryFolder,
  waitUntil,
} from "@realchat/presence-testing";
import { capturedRun } from "./testing/captured-run.ts";

/** The command line as people start it, on the real service: processes, signals and exit codes. */

const repository = fileURLToPath(new URL("../..", import.meta.url));
const main = join(repository, "packages/cli/main.ts");
const bin = join(repository, "bin/presence.mjs");
// Makes the Node that runs the test look like one of old to the script that it starts.
const asNode20 = [
  "--import",
  "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.19.0'}})",
];

// Long enough for a few commands one after the other on a busy machine.
const ttlMs = 10_000;
const folder = temporaryFolder("cli");
let service: Child;
let environment: NodeJS.ProcessEnv;

before(async () => {
  const grpc = `127.0.0.1:${await freePort()}`;
  const operations = `127.0.0.1:${await freePort()}`;
  environment = {
    ...bareEnvironment,
    PRESENCE_ADDR: grpc,
    GRPC_ADDR: grpc,
    HTTP_ADDR: operations,
    SESSION_TTL: `${ttlMs}ms`,
  };
  await startService();
});

const commands = new Set<ChildProcess>();

after(async () => {
  for (const command of commands) command.kill("SIGKILL");
  await service.end("SIGTERM");
  folder.remove();
});

async function startService(): Promise<void> {
  const logFile = join(folder.path, "presence.log");
  service = await startChild(process.execPath, [join(repository, "services/presence/main.ts")], {
    logFile,
    env: environment,
  });
  await waitUntil(() => service.output().includes("Presence is up"), {
    what: "the service is up",
  });
}

/** A command that runs, and what it has written so far. */
function start(args: readonly string[], script: readonly string[] = [main]) {
  const child = spawn(process.execPath, [...script, ...args], { env: environment });
  commands.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    saw: (text: string) =>
      waitUntil(() => stdout.includes(text) || stderr.includes(text), {
        what: `it writes "${text}"`,
      }),
    ended: once(child, "close").then(([code, signal]) => code ?? signal),
  };
}

async function run(...args: string[]) {
  const command = start(args);
  return { code: await command.ended, stdout: command.stdout(), stderr: command.stderr() };
}

async function isOnline(userId: string): Promise<boolean> {
  const { stdout } = await run("get", userId, "--json");
  return JSON.parse(stdout).online;
}

test("a user turns green and grey before the eyes of a watcher", async () => {
  const watcher = start(["watch", "--json"]);
  await watcher.saw("snapshotComplete");

  const registered = await run("register", "alice", "phone", "--instance", "gw-1", "--connection-id", "s1", "--json");
  assert.equal(registered.code, 0);
  const { sessionId, version, ttl } = JSON.parse(registered.stdout);
  assert.equal(ttl, "10s");
  const [refreshed, shown, listed] = await Promise.all([
    run("refresh", "alice", "phone", "--session-id", sessionId),
    run("get", "alice", "nobody"),
    run("devices", "alice", "--json"),
  ]);
  assert.equal(refreshed.code, 0);
  assert.match(shown.stdout, /^● alice +online +on phone +version [0-9]+\n○ nobody +offline +version [0-9]+\n$/);
  assert.equal(JSON.parse(listed.stdout).devices[0].instanceId, "gw-1");
  assert.equal((await run("unregister", "alice", "phone", "--session-id", sessionId)).code, 0);
  await watcher.saw("TRANSITION_CAUSE_DISCONNECTED");

  watcher.child.kill("SIGINT");
  assert.equal(await watcher.ended, 0);
  assert.equal(watcher.stderr(), "");
  const updates = watcher
    .stdout()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(({ kind, userId }) => kind === "update" && userId === "alice");
  assert.deepEqual(
    updates.map(({ status, deviceId }) => `${status} ${deviceId}`),
    ["PRESENCE_STATUS_ONLINE phone", "PRESENCE_STATUS_OFFLINE phone"],
  );
  assert.equal(updates[0].version, version);
  assert.ok(updates[1].version > version);
});

test("unregister says what became of the session", async () => {
  // In this process: as processes they would take longer than the session lives, on a busy machine.
  const answer = async (...args: string[]) => {
    const command = capturedRun(args, { environment });
    assert.equal(await command.exitCode, 0, command.stderr.join());
    return command.stdout.join();
  };
  const unregister = (...args: string[]) => answer("unregister", "judy", "phone", ...args);
  const { sessionId } = JSON.parse(await answer("register", "judy", "phone", "--connection-id", "s1", "--json"));
  assert.match(await unregister(), /^● judy on phone is still online: .* nothing changed\. The --session-id /);
  assert.match(await unregister("--session-id", "17"), /^● judy on phone is still online/);
  assert.equal(await unregister("--json"), '{"outcome":"kept"}');
  assert.equal(
    await unregister("--session-id", sessionId, "--reason", "connection-lost"),
    "○ judy on phone is unregistered; it has the grace period to be back",
  );
  assert.equal(await unregister(), "○ judy on phone had no live session to end");
  await answer("register", "kim", "phone");
  assert.equal(await answer("unregister", "kim", "phone"), "○ kim on phone is unregistered");
  assert.equal(JSON.parse(await answer("get", "kim", "--json")).online, false);
});

test("what the service refuses is exit code 1 with its words", async () => {
  const gone = await run("refresh", "nobody", "phone", "--session-id", "17.s1");
  assert.deepEqual([gone.code, gone.stdout], [1, ""]);
  assert.match(gone.stderr, /^presence: NOT_FOUND: .*register it again/);
  const wrong = await run("register", "", "phone");
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^presence: INVALID_ARGUMENT: user_id/);
});

test("a wrong command line is exit code 2, an address where nobody listens 3", async () => {
  const typo = await run("wach");
  assert.deepEqual(typo, {
    code: 2,
    stdout: "",
    stderr: 'presence: there is no command "wach": did you mean "watch"?\n"presence --help" tells more.\n',
  });
  const addr = `127.0.0.1:${await freePort()}`;
  const lost = await run("get", "alice", "--addr", addr);
  assert.equal(lost.code, 3);
  assert.match(lost.stderr, new RegExp(`^presence: no presence service answers at ${addr} .*npm start`));
});

test("hold keeps a user online for longer than the TTL and ends his session on Ctrl-C", async () => {
  const watcher = start(["watch", "bob", "--json"]);
  await watcher.saw("snapshotComplete");
  const held = start(["hold", "bob", "phone"]);
  await held.saw("bob on phone is online");
  await pause(systemClock, 1.2 * ttlMs);
  assert.equal(await isOnline("bob"), true);
  assert.doesNotMatch(watcher.stdout(), /OFFLINE/);
  held.child.kill("SIGINT");
  assert.equal(await held.ended, 0);
  await watcher.saw("TRANSITION_CAUSE_LOGGED_OUT");
  watcher.child.kill("SIGTERM");
  assert.equal(await watcher.ended, 0);
});

test("hold outlives a restart of the service, and gives way to a newer session of its device", async () => {
  const held = start(["hold", "carol", "phone", "--json"]);
  await held.saw('"registered"');
  await service.end("SIGKILL");
  await held.saw('"trouble"');
  await startService();
  await held.saw('"registered-again"');
  assert.equal(await isOnline("carol"), true);
  assert.equal((await run("register", "carol", "phone", "--connection-id", "newer")).code, 0);
  assert.equal(await held.ended, 1);
  assert.match(held.stderr(), /^presence: FAILED_PRECONDITION: .*close this socket/);
});

test("a reader who has seen enough ends watch without a word", async () => {
  const held = start(["hold", "dora", "phone"]);
  await held.saw("is online");
  const watcher = start(["watch"]);
  await watcher.saw("dora");
  watcher.child.stdout.destroy();
  assert.equal((await run("register", "erin", "phone")).code, 0);
  assert.equal(await watcher.ended, 0);
  assert.doesNotMatch(watcher.stderr(), /EPIPE/);
  held.child.kill("SIGINT");
  assert.equal(await held.ended, 0);
});

test("a reader who has seen enough ends hold as Ctrl-C does: its sessions are unregistered", async () => {
  const watcher = start(["watch", "gina-1", "gina-2", "--json"]);
  await watcher.saw("snapshotComplete");
  const held = start(["hold", "gina", "phone", "--count", "2"]);
  held.child.stdout.destroy();
  assert.equal(await held.ended, 0);
  await waitUntil(() => watcher.stdout().match(/TRANSITION_CAUSE_LOGGED_OUT/g)?.length === 2, { what: "both left" });
  assert.equal(held.stderr(), "");
  watcher.child.kill("SIGINT");
  assert.equal(await watcher.ended, 0);
});

test("a terminal that is closed ends hold as Ctrl-C does", async () => {
  const watcher = start(["watch", "hugo", "--json"]);
  await watcher.saw("snapshotComplete");
  const held = start(["hold", "hugo", "phone"]);
  await held.saw("is online");
  held.child.kill("SIGHUP");
  assert.equal(await held.ended, 0);
  await watcher.saw("TRANSITION_CAUSE_LOGGED_OUT");
  watcher.child.kill("SIGHUP");
  assert.equal(await watcher.ended, 0);
});

test("notes that nobody reads end nothing", async () => {
  const watcher = start(["watch"]);
  watcher.child.stderr.destroy();
  assert.equal((await run("register", "ivan", "phone")).code, 0);
  await watcher.saw("ivan");
  watcher.child.kill("SIGINT");
  assert.equal(await watcher.ended, 0);
});

test("an answer that cannot be written is exit code 1, and says why", async () => {
  const full = openSync("/dev/full", "w");
  const child = spawn(process.execPath, [main, "--help"], { env: environment, stdio: ["ignore", full, "pipe"] });
  closeSync(full);
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  assert.deepEqual(await once(child, "close"), [1, null]);
  assert.match(stderr, /^presence: the answer cannot be written: .*ENOSPC.*\n$/);
});

for (const [node, script] of [
  ["this Node", [bin]],
  ["an older Node, which hands over", [...asNode20, bin]],
] as const) {
  test(`the bin runs on ${node}: output, exit code and signals pass through`, async () => {
    const typo = start(["gett"], script);
    assert.equal(await typo.ended, 2);
    assert.match(typo.stderr(), /did you mean "get"\?/);
    const held = start(["hold", "frank", "phone"], script);
    await held.saw("frank on phone is online");
    held.child.kill("SIGTERM");
    assert.equal(await held.ended, 0);
    assert.match(held.stdout(), /○ frank on phone is unregistered\n$/);
    assert.equal(await isOnline("frank"), false);
  });
}

test("the bin on an older Node, without npm ci before, says in one line what to do", async () => {
  const copy = join(folder.path, "bin/presence.mjs");
  mkdirSync(join(folder.path, "bin"));
  cpSync(bin, copy);
  const stranded = start(["get", "alice"], [...asNode20, copy]);
  assert.equal(await stranded.ended, 1);
  assert.match(stranded.stderr(), /^presence runs on Node 24 or newer, this is 20\.19\.0: run "npm ci" in [^\n]+\n$/);
});
