import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { MissingServerError } from "@realchat/presence-testing";
import { Report } from "./report.ts";

function report(clock = new FakeClock()): { report: Report; text(): string } {
  const lines: string[] = [];
  return { report: new Report((line) => lines.push(line), clock), text: () => lines.join("\n") };
}

test("what passed takes one line, and the count comes last", () => {
  const { report: it, text } = report();
  it.add("types", { passed: 1, failures: [], output: "of no interest" }, 2);
  it.finish();
  assert.equal(text(), "ok       1    2.0 s  types\n\n1 passed, 0 failed");
  assert.equal(it.exitCode, 0);
});

test("what is of interest though it passed follows its line", () => {
  const { report: it, text } = report();
  it.add("a.test.ts", { passed: 1, failures: [], note: "was stuck" }, 2);
  assert.equal(text(), "ok       1    2.0 s  a.test.ts\n      was stuck");
});

test("the end repeats what failed with its reason in short: a log may be read from its tail alone", () => {
  const { report: it, text } = report();
  const detail = "AssertionError: Expected values to be equal:\n\n1 !== 2\n\n    at a.test.ts:1:2 {\n  code: 3\n}";
  const failures = [
    { title: "one is two", detail },
    { title: "types", detail: "wrong ".repeat(100) },
  ];
  it.add("a.test.ts", { passed: 0, failures, output: "what it wrote" });
  it.finish();
  assert.match(text(), /^ {4}AssertionError[\s\S]*at a\.test\.ts:1:2[\s\S]*a\.test\.ts wrote:\n {4}what it wrote/m);
  const [one, oneShort, types, typesShort, _, count] = text().split("failed:\n")[1]?.split("\n") ?? [];
  assert.equal(one, "    a.test.ts: one is two");
  assert.equal(oneShort, "        AssertionError: Expected values to be equal: 1 !== 2");
  assert.equal(types, "    a.test.ts: types");
  assert.match(typesShort ?? "", /^ {8}(wrong ){50}…$/);
  assert.equal(count, "0 passed, 2 failed");
  assert.equal(it.exitCode, 1);
});

test("the summary lists what did not run because something optional is missing, and that is no failure", () => {
  const { report: it, text } = report();
  it.notRun("a.server.test.ts", new MissingServerError("grpc-go", "PATH has no Go", { isOptional: true }));
  it.finish();
  assert.match(text(), /\n\nnot run:\n {4}a\.server\.test\.ts: there is no grpc-go here\n\n0 passed, 0 failed$/);
  assert.equal(it.exitCode, 0);
});

test("what runs is told on the way, and at the end what took the longest", async () => {
  const clock = new FakeClock();
  const { report: it, text } = report(clock);
  const lasting = (seconds: number) => async () => {
    await clock.advance(seconds * 1_000);
    return { passed: 1, failures: [] };
  };
  for (let seconds = 1; seconds <= 12; seconds++) await it.time(`${seconds}.test.ts`, lasting(seconds));
  const hangs = Promise.withResolvers<{ passed: number; failures: [] }>();
  const hanging = it.time("hangs.test.ts", () => hangs.promise);
  await clock.advance(72_000);
  it.progress(20);
  assert.match(text(), /\n {6}2\.5 min: 12 of 20 are over, running: hangs\.test\.ts 72\.0 s$/);
  hangs.resolve({ passed: 1, failures: [] });
  await hanging;
  it.finish();
  const [first, second, ...others] = text().split("\nslowest in 2.5 min:\n")[1]?.split("\n") ?? [];
  assert.deepEqual([first, second], ["     72.0 s  hangs.test.ts", "     12.0 s  12.test.ts"]);
  assert.deepEqual(others.slice(-3), ["      2.0 s  2.test.ts", "", "13 passed, 0 failed"]);
});
