import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Cancel, pause, systemClock } from "./clock.ts";
import { FakeClock } from "./fake-clock.ts";
import { createLog } from "./log.ts";
import { type DrainOptions, type DrainStep, drainOnSignal, type Host, startOrExit } from "./shutdown.ts";

/** A process that notes its exit code instead of ending. */
class FakeHost extends EventEmitter {
  readonly stdin: { isTTY?: boolean } = {};
  readonly exits: number[] = [];
  readonly told: string[] = [];
  readonly stdout = new EventEmitter();
  readonly stderr = Object.assign(new EventEmitter(), { write: (text: string) => this.told.push(text) });
  exit(code: number): void {
    this.exits.push(code);
  }
}

function drainable(
  steps: readonly DrainStep[],
  options: Pick<DrainOptions, "announce" | "delayMs" | "onHangUp"> = {},
  stdin: { isTTY?: boolean } = {},
) {
  const host = Object.assign(new FakeHost(), { stdin });
  const clock = new FakeClock();
  const lines: string[] = [];
  const log = createLog(
    { service: "presence", instance: "node-1", level: "info", format: "json" },
    { write: (line) => lines.push(JSON.parse(line).msg) },
  );
  drainOnSignal({ log, clock, steps, deadlineMs: 10_000, ...options }, host as unknown as Host);
  return { host, clock, lines };
}

const drainingProgram = fileURLToPath(new URL("testing/draining-program.ts", import.meta.url));

const never = () => new Promise<void>(() => undefined);

describe("drain", () => {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
    test(`${signal} runs the steps in order, each told what time is left, and exits with 0`, async () => {
      const ran: string[] = [];
      const { host, clock, lines } = drainable([
        {
          name: "finish calls",
          run: (remainingMs) => {
            ran.push(`calls ${remainingMs}`);
            return new Promise((resolve) => void clock.after(3_000, resolve));
          },
        },
        { name: "close the store", run: (remainingMs) => void ran.push(`store ${remainingMs}`) },
      ]);
      host.emit(signal, signal);
      await clock.advance(2_999);
      assert.deepEqual([ran, host.exits], [["calls 10000"], []]);
      await clock.advance(1);
      assert.deepEqual([ran, host.exits], [["calls 10000", "store 7000"], [0]]);
      assert.deepEqual(lines, [
        `${signal}: draining`,
        "drain: finish calls: done in 3000 ms",
        "drain: close the store: done in 0 ms",
        "drained in 3000 ms",
      ]);
    });
  }

  test("SIGHUP may do something else, but not where there is a terminal: that was closed then", async () => {
    let hangUps = 0;
    const { host, clock, lines } = drainable([], { onHangUp: () => void hangUps++ });
    host.emit("SIGHUP", "SIGHUP");
    await clock.advance(0);
    assert.deepEqual([hangUps, host.exits, lines], [1, [], []]);
    const onTerminal = drainable([], { onHangUp: () => assert.fail("the terminal was closed") }, { isTTY: true });
    onTerminal.host.emit("SIGHUP", "SIGHUP");
    await onTerminal.clock.advance(0);
    assert.deepEqual(onTerminal.host.exits, [0]);
  });

  test("with a delay it announces that it goes, serves on meanwhile, and has all of the deadline after it", async () => {
    const ran: string[] = [];
    const { host, clock, lines } = drainable(
      [{ name: "finish calls", run: (remainingMs) => void ran.push(`calls ${remainingMs}`) }],
      { announce: () => void ran.push("announced"), delayMs: 15_000 },
    );
    host.emit("SIGTERM", "SIGTERM");
    await clock.advance(14_999);
    assert.deepEqual([ran, host.exits], [["announced"], []]);
    await clock.advance(1);
    assert.deepEqual([ran, host.exits], [["announced", "calls 10000"], [0]]);
    assert.equal(lines[0], "SIGTERM: draining in 15000 ms, not ready from now on");
  });

  test("a second signal ends the delay, too, with 1", async () => {
    const { host, clock } = drainable([], { delayMs: 15_000 });
    host.emit("SIGTERM", "SIGTERM");
    await clock.advance(1_000);
    host.emit("SIGTERM", "SIGTERM");
    assert.deepEqual(host.exits, [1]);
  });

  test("a step that fails is logged, the others still run, and the exit code is 1", async () => {
    const ran: string[] = [];
    const { host, clock, lines } = drainable([
      { name: "hand over", run: () => Promise.reject(new Error("away")) },
      { name: "flush", run: () => assert.fail("thrown, not rejected") },
      { name: "close", run: () => void ran.push("close") },
    ]);
    host.emit("SIGTERM", "SIGTERM");
    await clock.advance(0);
    assert.deepEqual(ran, ["close"]);
    assert.deepEqual(host.exits, [1]);
    assert.deepEqual(lines.slice(1, 3), ["drain: hand over: failed", "drain: flush: failed"]);
  });

  test("at the deadline it exits with 1, naming the step that was not done", async () => {
    const { host, clock, lines } = drainable([{ name: "finish calls", run: never }]);
    host.emit("SIGTERM", "SIGTERM");
    await clock.advance(9_999);
    assert.deepEqual(host.exits, []);
    await clock.advance(1);
    assert.deepEqual(host.exits, [1]);
    assert.match(lines.at(-1) ?? "", /finish calls: not done when the 10000 ms/);
  });

  for (const [hangs, code] of [
    [false, 0],
    [true, 1],
  ] as const) {
    test(`a real process that ${hangs ? "gets a second signal" : "drains"} ends with ${code}`, async (t) => {
      const child = spawn(process.execPath, [drainingProgram, String(hangs)], { stdio: ["ignore", "pipe", "ignore"] });
      t.after(() => child.kill("SIGKILL"));
      const exited = once(child, "exit");
      let stop: Cancel = () => undefined;
      for await (const line of createInterface(child.stdout)) {
        if (line.includes("ready")) child.kill("SIGTERM");
        if (hangs && line.includes("draining")) stop = systemClock.every(300, () => child.kill("SIGTERM"));
      }
      stop();
      assert.deepEqual(await exited, [code, null]);
    });
  }

  test("a real process whose output nobody reads any more works on, and drains", async (t) => {
    const child = spawn(process.execPath, [drainingProgram], { stdio: ["ignore", "pipe", "pipe"] });
    t.after(() => child.kill("SIGKILL"));
    const exited = once(child, "exit");
    await once(child.stdout, "data");
    child.stdout.destroy();
    child.stderr.destroy();
    await pause(systemClock, 200);
    assert.equal(child.exitCode, null, "it works on");
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  });

  test("a real process whose disk is full works on, and drains", async (t) => {
    const full = openSync("/dev/full", "w");
    const child = spawn(process.execPath, [drainingProgram], { stdio: ["ignore", full, full, "ipc"] });
    t.after(() => child.kill("SIGKILL"));
    closeSync(full);
    const exited = once(child, "exit");
    await Promise.race([once(child, "message"), exited]);
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  });

  test("a second signal exits with 1 at once; the same Ctrl-C arriving twice is one", async () => {
    const { host, clock } = drainable([{ name: "finish calls", run: never }]);
    host.emit("SIGINT", "SIGINT");
    await clock.advance(10);
    host.emit("SIGINT", "SIGINT");
    assert.deepEqual(host.exits, [], "npm passes on what the terminal has sent to all");
    await clock.advance(1_000);
    host.emit("SIGINT", "SIGINT");
    assert.deepEqual(host.exits, [1]);
  });
});

describe("start", () => {
  async function failWith(error: unknown) {
    const host = new FakeHost();
    await startOrExit("presence", () => Promise.reject(error), host as unknown as Host);
    return host;
  }

  test("a success says nothing and does not exit", async () => {
    const host = new FakeHost();
    await startOrExit("presence", async () => undefined, host as unknown as Host);
    assert.deepEqual([host.told, host.exits], [[], []]);
  });

  test("a failure is one line without credentials, and exit code 1", async () => {
    const host = await failWith(new Error("redis://bob:hunter2@cache has another shard count"));
    assert.deepEqual(host.told, ["presence cannot start: redis://***@cache has another shard count\n"]);
    assert.deepEqual(host.exits, [1]);
  });

  test("refusals of all addresses of a name are listed", async () => {
    const host = await failWith(new AggregateError([new Error("refused by ::1"), new Error("refused by 127.0.0.1")]));
    assert.deepEqual(host.told, ["presence cannot start: refused by ::1; refused by 127.0.0.1\n"]);
  });

  test("an error of our own making keeps its stack", async () => {
    const host = await failWith(new TypeError("x is not a function"));
    assert.match(host.told.join(""), /TypeError: x is not a function\n\s+at .*shutdown\.local\.test\.ts/);
  });
});
