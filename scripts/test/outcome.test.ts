import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, type TestEvent } from "./outcome.ts";

const done = { kind: "exit", code: 0 } as const;
const passed = (name: string): TestEvent => ({ kind: "passed", name, isSuite: false });

test("tests count, the suites around them do not", () => {
  const events: TestEvent[] = [passed("a > b"), passed("a > c"), { kind: "passed", name: "a", isSuite: true }];
  assert.deepEqual(judge(events, done), { passed: 2, failures: [] });
});

test("a failed test is reported with its error, and the suite around it is not", () => {
  const events: TestEvent[] = [
    { kind: "failed", name: "a > b", error: "1 !== 2", isConsequence: false },
    { kind: "failed", name: "a", error: "1 subtest failed", isConsequence: true },
  ];
  const failures = [{ title: "a > b", detail: "1 !== 2" }];
  assert.deepEqual(judge(events, { kind: "exit", code: 1 }), { passed: 0, failures });
});

test("a test that was skipped counts as failed", () => {
  for (const notRun of ["skip", "todo"] as const) {
    const outcome = judge([{ kind: "passed", name: "a", isSuite: false, notRun }], done);
    assert.deepEqual(outcome.failures, [{ title: "a", detail: `It is marked ${notRun}: a test runs, or is deleted.` }]);
    assert.equal(outcome.passed, 0);
  }
});

test("a file without tests fails", () => {
  assert.equal(judge([], done).failures[0]?.title, "has no tests");
});

test("a process that dies fails its file, and the test that ran is named", () => {
  const events: TestEvent[] = [{ kind: "started", name: "a" }, passed("a"), { kind: "started", name: "b" }];
  assert.deepEqual(judge(events, { kind: "exit", code: 13 }), {
    passed: 1,
    failures: [{ title: "ended with code 13", detail: "Running was: b" }],
  });
});

test("a process that dies of an uncaught error fails its file with that error", () => {
  const output = "file:///a.ts:1\nthrow new TypeError('x');\n^\n\nTypeError: x\n    at file:///a.ts:1:7\n";
  assert.deepEqual(judge([], { kind: "exit", code: 1 }, output).failures, [
    { title: "ended with code 1", detail: "No test was running.\nTypeError: x" },
  ]);
});

test("a cancelled test without another reported cause is reported", () => {
  const events: TestEvent[] = [{ kind: "failed", name: "a", error: "was cancelled", isConsequence: true }];
  assert.equal(judge(events, { kind: "exit", code: 1 }).failures[0]?.title, "ended with code 1");
});

test("a process that does not end fails its file: a test hangs, or something was left open", () => {
  const timeout = { kind: "timeout", afterMs: 60_000 } as const;
  const hanging = judge([{ kind: "started", name: "a" }], timeout);
  assert.deepEqual(hanging.failures, [{ title: "did not end within 60 s", detail: "Still running: a" }]);
  const over = judge([{ kind: "started", name: "a" }, passed("a")], timeout);
  assert.match(over.failures[0]?.detail ?? "", /No test was running any more/);
  assert.match(judge([], timeout).failures[0]?.detail ?? "", /loop without end/);
});

test("a process that is kept after its last test fails its file, with what keeps it and beside what failed", () => {
  const events: TestEvent[] = [
    { kind: "failed", name: "a", error: "1 !== 2", isConsequence: false },
    { kind: "lingered", afterMs: 30_000, open: ["1 TCPServerWrap", "tcp server at 127.0.0.1:15001"] },
    { kind: "left", code: 1 },
  ];
  assert.deepEqual(judge(events, { kind: "exit", code: 1 }).failures, [
    { title: "a", detail: "1 !== 2" },
    {
      title: "did not end within 30 s of its last test",
      detail: "Left open: 1 TCPServerWrap\ntcp server at 127.0.0.1:15001",
    },
  ]);
  assert.equal(judge(events.slice(1), { kind: "exit", code: 1 }).failures.length, 1);
});
