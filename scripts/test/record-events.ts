import { appendFileSync } from "node:fs";
import { inspect } from "node:util";
import { EndWatch } from "./end-watch.ts";
import { leftOpen } from "./left-open.ts";
import type { TestEvent } from "./outcome.ts";

/** The part of Node's events that we read. https://nodejs.org/api/test.html#class-testsstream */
type RunnerEvent = {
  type: string;
  data: {
    name: string;
    testId: number;
    parentId: number;
    skip?: string | boolean;
    todo?: string | boolean;
    details?: { type?: "suite" | "test"; error?: RunnerError };
  };
};

type RunnerError = Error & { failureType?: string };

/** What run-suite.ts tells a reporter, which Node makes without arguments. */
const { TEST_EVENTS_FILE = "", TEST_LINGER_MS = "" } = process.env;

/**
 * A reporter of Node's test runner: writes down what `outcome.ts` judges, one JSON object a line. It writes by itself, and
 * yields nothing: a process that exits waits for no stream.
 */
// biome-ignore lint/style/noDefaultExport: Node takes the default export of a reporter's module
export default async function* recordEvents(source: AsyncIterable<RunnerEvent>): AsyncGenerator<never> {
  const names = new Map<number, string>();
  const told = new Set<unknown>();
  const running = new Set<string>();
  const afterMs = Number(TEST_LINGER_MS);
  const end = new EndWatch(afterMs, () => {
    write({ kind: "lingered", afterMs, open: leftOpen() });
    process.exit(1);
  });
  const fail = (error: unknown) => {
    write({ kind: "failed", name: innermost(running), error: inspect(error), isConsequence: false });
    process.exit(1);
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  // Before the suite's own, which may hang.
  process.prependOnceListener("exit", (code) => write({ kind: "left", code }));
  for await (const { type, data } of source) {
    end.note(type, data.testId);
    if (type === "test:enqueue") {
      const parent = names.get(data.parentId);
      names.set(data.testId, parent === undefined ? data.name : `${parent} > ${data.name}`);
    }
    const name = names.get(data.testId) ?? data.name;
    if (type === "test:dequeue") running.add(name);
    if (type === "test:complete") running.delete(name);
    const event = toTestEvent(type, data, name, told);
    if (event !== undefined) write(event);
  }
}

/** Those of the tests within which no other one of them runs. */
function innermost(running: ReadonlySet<string>): string {
  const names = [...running];
  const leaves = names.filter((name) => !names.some((other) => other.startsWith(`${name} > `)));
  return leaves.length === 0 ? "outside of all tests" : leaves.join(", ");
}

function write(event: TestEvent): void {
  appendFileSync(TEST_EVENTS_FILE, `${JSON.stringify(event)}\n`);
}

/** @param told what failed hooks threw so far */
function toTestEvent(type: string, data: RunnerEvent["data"], name: string, told: Set<unknown>): TestEvent | undefined {
  const { type: what, error } = data.details ?? {};
  switch (type) {
    case "test:dequeue":
      return { kind: "started", name };
    case "test:complete":
      // Comes at once, and for a test that others outrun twice: it tells that a test is over, never how many are.
      return { kind: "ended", name };
    case "test:pass": {
      const notRun = data.skip ? "skip" : data.todo ? "todo" : undefined;
      return { kind: "passed", name, isSuite: what === "suite", notRun };
    }
    case "test:fail":
      return { kind: "failed", name, ...explain(error, told) };
    default:
      return undefined;
  }
}

/** The runner wraps what was thrown; its own words matter when there is nothing inside, as for a timeout. */
function explain(error: RunnerError | undefined, told: Set<unknown>): { error: string; isConsequence: boolean } {
  const thrown = error?.cause ?? error;
  const text = typeof thrown === "string" ? thrown : inspect(thrown);
  switch (error?.failureType) {
    case "subtestsFailed":
    case "cancelledByParent":
      return { error: text, isConsequence: true };
    case "hookFailed": {
      // A hook of the whole file fails all of its tests, with one and the same error.
      const isConsequence = told.has(thrown);
      told.add(thrown);
      return { error: `${error.message}: ${text}`, isConsequence };
    }
    default:
      return { error: text, isConsequence: false };
  }
}
