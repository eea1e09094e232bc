import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { temporaryFolder, waitUntil } from "@realchat/presence-testing";
import { runSuite } from "./run-suite.ts";

const folder = temporaryFolder("suites");

/** Runs a test file with this body. */
function run(body: string, { timeoutMs = 30_000, lingerMs = 30_000 } = {}) {
  const file = join(folder.path, "x.test.mjs");
  writeFileSync(
    file,
    `import assert from "node:assert/strict";\nimport { before, describe, test } from "node:test";\n${body}`,
  );
  return runSuite(file, { env: process.env, timeoutMs, lingerMs });
}

describe("a suite in a process of its own", () => {
  test("reports what passed and what failed, with full names", async () => {
    const { passed, failures, output } = await run(`
      describe("outer", () => {
        test("good", () => {});
        test("bad", () => assert.equal(1, 2));
        describe("inner", () => test("skipped", { skip: true }, () => {}));
      });
      test("parent", async (t) => { await t.test("child", () => { console.log("heard"); }); });`);
    assert.equal(passed, 3);
    assert.deepEqual(
      failures.map(({ title }) => title),
      ["outer > bad", "outer > inner > skipped"],
    );
    assert.match(failures[0]?.detail ?? "", /AssertionError[\s\S]*1 !== 2[\s\S]*x\.test\.mjs/);
    assert.match(output ?? "", /heard/);
  });

  test("reports a failed hook once, and not the tests that it kept from running", async () => {
    const broken = 'before(() => { throw new Error("no server"); });';
    const tests = 'test("a", () => {}); describe("b", () => { test("c", () => {}); });';
    const { failures: inSuite } = await run(`describe("outer", () => { ${broken} ${tests} });`);
    assert.deepEqual(
      inSuite.map(({ title, detail }) => [title, detail.split("\n")[0]]),
      [["outer", "failed running before hook: Error: no server"]],
    );
    const { failures: inFile } = await run(`${broken} ${tests}`);
    assert.deepEqual(
      inFile.map(({ title, detail }) => [title, detail.split("\n")[0]]),
      [["a", "failed running before hook: Error: no server"]],
    );
  });

  test("counts each test once, though quick suites wait for a slow one before them", async () => {
    const { passed } = await run(`
      const turns = async (count) => { for (let i = 0; i < count; i++) await new Promise(setImmediate); };
      describe("at once", { concurrency: 2 }, () => {
        describe("slow", () => test("a", () => turns(50)));
        describe("quick", () => { test("b", () => turns(1)); test("c", () => turns(1)); });
        describe("late", () => { test("d", () => turns(1)); test("e", () => turns(1)); });
      });`);
    assert.equal(passed, 5);
  });

  test("fails when it has no tests", async () => {
    assert.equal((await run("")).failures[0]?.title, "has no tests");
  });

  test("fails when its process breaks, and shows what that said", async () => {
    const { failures, output } = await run("throw new Error('on the way in');");
    assert.equal(failures[0]?.title, "ended with code 1");
    assert.match(output ?? "", /on the way in/);
  });

  test("is ended by an error that nobody catches, and names the test that ran", async () => {
    const { passed, failures } = await run(`
      test("good", () => {});
      describe("outer", () => {
        test("throws", async () => { setTimeout(() => { throw new Error("in a timer"); }, 10); await new Promise(() => {}); });
      });`);
    assert.equal(passed, 1);
    assert.deepEqual(
      failures.map(({ title }) => title),
      ["outer > throws"],
    );
    assert.match(failures[0]?.detail ?? "", /Error: in a timer[\s\S]*x\.test\.mjs/);
    const { failures: rejected } = await run(`
      test("rejects", async () => { void Promise.reject(new Error("nobody listens")); await new Promise(setImmediate); });`);
    assert.equal(rejected[0]?.title, "rejects");
    assert.match(rejected[0]?.detail ?? "", /nobody listens/);
  });

  test("is ended soon when something was left open after its last test, and says what", async () => {
    const { passed, failures } = await run(
      `import { spawn } from "node:child_process";
      import { createServer } from "node:net";
      test("leaves a server and a child", async () => {
        const server = createServer().listen(0, "127.0.0.1");
        await new Promise((resolve) => server.once("listening", resolve));
        spawn("sleep", ["100"], { stdio: "ignore" });
        setTimeout(() => {}, 100_000);
        throw new Error("before it stopped them");
      });
      test("a", () => {});`,
      { lingerMs: 2_000 },
    );
    assert.equal(passed, 1);
    const [failed, lingered, ...others] = failures;
    assert.equal(failed?.title, "leaves a server and a child");
    assert.equal(lingered?.title, "did not end within 2 s of its last test");
    assert.match(lingered?.detail ?? "", /^Left open: .*1 Timeout[\s\S]*^process \d+$/m);
    assert.match(lingered?.detail ?? "", /^tcp server at 127\.0\.0\.1:\d+$/m);
    assert.deepEqual(others, []);
  });

  test("is over when its process has said so, though that locks itself up on its way out", async () => {
    const { passed, failures, note } = await run(
      `process.once("exit", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
      test("a", () => {});`,
    );
    assert.equal(passed, 1);
    assert.deepEqual(failures, []);
    assert.match(note ?? "", /stuck on its way out/);
  });

  test("is ended with all that it started when it takes too long", async () => {
    const { failures, output } = await run(
      `import { spawn } from "node:child_process";
      process.on("SIGTERM", () => console.log("I will not"));
      const child = spawn("sleep", ["60"], { stdio: "ignore" });
      console.log("child", child.pid);
      test("for ever", () => new Promise(() => {}));`,
      { timeoutMs: 6_000 },
    );
    assert.deepEqual(failures, [{ title: "did not end within 6 s", detail: "Still running: for ever" }]);
    assert.match(output ?? "", /I will not/);
    const pid = Number(/child (\d+)/.exec(output ?? "")?.[1]);
    await waitUntil(() => !isThere(pid), { what: `process ${pid} is gone` });
  });
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
