import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { type Child, waitUntil } from "@realchat/presence-testing";
import { npmStart, npmStartCommand } from "./testing/npm-start.ts";

/** Process ids of both services, as they log them in their instance's name: `host-pid-start`. */
async function pidsOf(child: Pick<Child, "output">): Promise<number[]> {
  const logged = () =>
    [...child.output().matchAll(/"instance":"[^"]*-(\d+)-[0-9a-z]+"/g)].map(([, pid]) => Number(pid));
  // What a service logged before it was ready may come through after the news that it is.
  await waitUntil(() => new Set(logged()).size === 2, { what: "both services have logged" });
  return [...new Set(logged())];
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Has each process of a program tell which modules it loads of a client of Kafka: 500 of them. */
const tellsOfKafka = `import { registerHooks } from "node:module";
registerHooks({
  load(url, context, next) {
    if (url.includes("/@platformatic/kafka/")) console.error("loads", url);
    return next(url, context);
  },
});`;

test("brings both up, prints one URL once they are ready, and stops both in order", async (t) => {
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(tellsOfKafka)}`;
  const { child, url } = await npmStart(t, [], { NODE_OPTIONS });
  await waitUntil(() => child.output().includes(`RealChat is up: ${url}\n`), { what: "it is up", deadlineMs: 60_000 });
  assert.match(await (await fetch(url)).text(), /RealChat Presence/);
  const pids = await pidsOf(child);
  assert.deepEqual([...new Set(child.output().match(/http:\/\/\S+:\d+(?=\s)/g))], [url]);
  assert.doesNotMatch(child.output(), /loads /, "who uses no Kafka waits for no client of it");

  assert.equal(await child.end("SIGTERM"), 0, child.output());
  assert.deepEqual(pids.filter(isThere), []);
  assert.ok(child.output().indexOf("stop delivery: done") < child.output().indexOf("stop presence: done"));
});

test("stops one service when the other dies, and names the dead one", async (t) => {
  const { child } = await npmStart(t);
  await waitUntil(() => child.output().includes("RealChat is up"), { what: "it is up", deadlineMs: 60_000 });
  const pids = await pidsOf(child);
  process.kill(pids[0] as number, "SIGKILL");
  assert.equal(await child.untilEnded(), 1);
  assert.match(child.output(), /(presence|delivery) was ended by SIGKILL: stopping (delivery|presence) too/);
  assert.deepEqual(pids.filter(isThere), []);
});

test("starts neither when a setting of one is wrong", async (t) => {
  const { child } = await npmStart(t, ["--session-ttl", "5"]);
  assert.equal(await child.untilEnded(), 1);
  assert.match(child.output(), /RealChat cannot start: .*\n {2}SESSION_TTL=5 .*has no unit/);
});

test("says in --help how to run the two, and what each takes", async (t) => {
  const { child } = await npmStart(t, ["--help"]);
  assert.equal(await child.untilEnded(), 0);
  for (const part of ["npm start -- [flags]", "--grpc-addr host:port", "--http-port host:port", "start:delivery"]) {
    assert.ok(child.output().includes(part), part);
  }
});

test("drains both when its terminal is closed", async (t) => {
  const { child } = await npmStart(t);
  await waitUntil(() => child.output().includes("RealChat is up"), { what: "it is up", deadlineMs: 60_000 });
  const pids = await pidsOf(child);
  assert.equal(await child.end("SIGHUP"), 0, child.output());
  assert.deepEqual(pids.filter(isThere), []);
  assert.ok(child.output().indexOf("stop delivery: done") < child.output().indexOf("stop presence: done"));
});

test("goes on when its output is no longer read, and still drains both on Ctrl-C", async (t) => {
  const { args, cwd, env, url } = await npmStartCommand([], { LOG_LEVEL: "debug" });
  const child = spawn(process.execPath, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => child.kill("SIGTERM"));
  const ended = once(child, "close");
  let output = "";
  const note = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on("data", note);
  child.stderr.on("data", note);
  await waitUntil(() => output.includes("RealChat is up"), { what: "it is up", deadlineMs: 60_000 });
  const pids = await pidsOf({ output: () => output });

  // As when Ctrl-C on `npm start | tee log` has ended tee first.
  child.stdout.destroy();
  child.stderr.destroy();
  assert.equal((await fetch(url)).status, 200);
  child.kill("SIGINT");
  assert.deepEqual(await ended, [0, null], "its services drained and ended with 0");
  assert.deepEqual(pids.filter(isThere), []);
});
