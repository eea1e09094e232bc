/**
 * What came of a check or a suite; `output` is what its process wrote, of interest when something failed; `note` is of
 * interest always.
 */
export type Outcome = { passed: number; failures: Failure[]; output?: string; note?: string };

/** A title of one line, and all that there is to know about it. */
export type Failure = { title: string; detail: string };

export function failed(title: string, detail: string): Outcome {
  return { passed: 0, failures: [{ title, detail }] };
}

/** An event of Node's test runner, as `record-events.ts` writes it down. */
export type TestEvent =
  | { kind: "started" | "ended"; name: string }
  | { kind: "passed"; name: string; isSuite: boolean; notRun?: "skip" | "todo" }
  /** `isConsequence`: the cause is the failure of another test, suite or hook, which is reported by itself. */
  | { kind: "failed"; name: string; error: string; isConsequence: boolean }
  /** All tests had ended, and the process did not: what kept it. */
  | { kind: "lingered"; afterMs: number; open: readonly string[] }
  /** The process exits. */
  | { kind: "left"; code: number };

/** How the process of a suite ended. */
export type Ending = { kind: "exit"; code: number; wasStuck?: boolean } | { kind: "timeout"; afterMs: number };

/**
 * Judges one suite file. A test that was skipped counts as failed, and so does a file without tests.
 * @param output what its process wrote
 */
export function judge(events: readonly TestEvent[], ending: Ending, output = ""): Outcome {
  const failures = events.flatMap(failureOf);
  const passed = events.filter((event) => event.kind === "passed" && !event.isSuite && !event.notRun).length;
  const trouble = troubleOf(events, ending, output);
  if (trouble !== undefined) failures.push(trouble);
  else if (passed + failures.length === 0) {
    failures.push({ title: "has no tests", detail: "A suite file holds at least one test: write one, or delete it." });
  }
  if (ending.kind === "exit" && ending.wasStuck) return { passed, failures, note: stuck };
  return { passed, failures };
}

const stuck = "exited, and had to be killed: Node was stuck on its way out, perhaps with a handle that does not close";

function failureOf(event: TestEvent): Failure[] {
  if (event.kind === "failed" && !event.isConsequence) return [{ title: event.name, detail: event.error }];
  if (event.kind === "passed" && event.notRun !== undefined) {
    return [{ title: event.name, detail: `It is marked ${event.notRun}: a test runs, or is deleted.` }];
  }
  if (event.kind === "lingered") {
    const title = `did not end within ${event.afterMs / 1_000} s of its last test`;
    return [{ title, detail: `Left open: ${event.open.join("\n")}` }];
  }
  return [];
}

/** What went wrong with the process rather than in a test. */
function troubleOf(events: readonly TestEvent[], ending: Ending, output: string): Failure | undefined {
  const open = unfinished(events);
  if (ending.kind === "timeout") {
    return { title: `did not end within ${ending.afterMs / 1_000} s`, detail: whyNoEnd(events, open) };
  }
  const isExplained = events.some(
    (event) => event.kind === "lingered" || (event.kind === "failed" && !event.isConsequence),
  );
  if (ending.code === 0 || isExplained) return undefined;
  const running = open.length === 0 ? "No test was running." : `Running was: ${open.join(", ")}`;
  return { title: `ended with code ${ending.code}`, detail: [running, ...thrownIn(output)].join("\n") };
}

function whyNoEnd(events: readonly TestEvent[], open: readonly string[]): string {
  if (open.length > 0) return `Still running: ${open.join(", ")}`;
  if (events.length > 0)
    return "No test was running any more: a loop without end, since what is left open is named sooner.";
  return "It told of no test: a loop without end, or a wait outside of all tests.";
}

/** The first uncaught error that Node printed for a process: `TypeError: …`, on a line of its own. */
function thrownIn(output: string): string[] {
  return /^\w*Error\b.*$/m.exec(output)?.slice(0, 1) ?? [];
}

function unfinished(events: readonly TestEvent[]): string[] {
  const open = new Set<string>();
  for (const event of events) {
    if (event.kind === "started") open.add(event.name);
    else if ("name" in event) open.delete(event.name);
  }
  return [...open];
}
