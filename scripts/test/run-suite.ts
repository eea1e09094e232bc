import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { onExit, repository, temporaryFolder } from "@realchat/presence-testing";
import { type Ending, judge, type Outcome, type TestEvent } from "./outcome.ts";

const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const flags = [
  ...["--import", beside("./light-tracking.mjs"), "--report-exclude-network"],
  ...["--test-reporter", beside("./record-events.ts"), "--test-reporter-destination", "stdout"],
];

// What a suite may take from the end of its last test to its own: hooks stop servers then.
const LINGER_MS = 30_000;
// What a suite may take to end its servers when its time is over.
const LAST_WORDS_MS = 3_000;
// Node may lock itself up while it shuts down: https://github.com/nodejs/node/issues/54918
const LEAVING_MAX_MS = 10_000;
const LOOK_EVERY_MS = 500;

type Options = { env: NodeJS.ProcessEnv; timeoutMs: number; lingerMs?: number };

/**
 * Runs one test file in a process of its own, and ends all that it started.
 * @param file path of the file, from the repository's root
 */
export async function runSuite(file: string, options: Options): Promise<Outcome> {
  const folder = temporaryFolder("suite");
  const eventsFile = join(folder.path, "events");
  const outputFile = join(folder.path, "output");
  const ending = await run(file, eventsFile, outputFile, options);
  const output = readFileSync(outputFile, "utf8");
  const outcome = judge(readEvents(eventsFile), ending, output);
  folder.remove();
  return { ...outcome, output };
}

async function run(file: string, eventsFile: string, outputFile: string, options: Options): Promise<Ending> {
  const { NODE_TEST_CONTEXT: _, ...env } = options.env; // set while we are tested ourselves: replaces the reporter
  const output = openSync(outputFile, "w");
  const told = { TEST_EVENTS_FILE: eventsFile, TEST_LINGER_MS: String(options.lingerMs ?? LINGER_MS) };
  // Detached: a process group of its own, so that its servers can be ended with it whatever state it is in.
  const child = spawn(process.execPath, [...flags, file], {
    cwd: repository,
    // Suites share most modules; the second need not strip and compile them again, which is a third of its time.
    env: { NODE_COMPILE_CACHE: join(repository, ".cache/compile"), ...env, ...told },
    stdio: ["ignore", output, output],
    detached: true,
  });
  closeSync(output);
  const group = child.pid as number;
  groups.add(group);

  const ended = new AbortController();
  const exited = new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
  void exited.then(() => ended.abort());

  const leftWith = await untilLeft(eventsFile, options.timeoutMs, ended.signal);
  const isLate = leftWith === undefined && !ended.signal.aborted;
  if (isLate) signalGroup(group, "SIGTERM");
  await pause(systemClock, isLate ? LAST_WORDS_MS : LEAVING_MAX_MS, ended.signal);
  const wasStuck = !ended.signal.aborted;
  signalGroup(group, "SIGKILL");
  const code = await exited;
  groups.delete(group);
  if (isLate) return { kind: "timeout", afterMs: options.timeoutMs };
  return { kind: "exit", code: leftWith ?? code, wasStuck };
}

/** Resolves with the code that a process says it exits with; with undefined when it ends or its time is over before. */
async function untilLeft(eventsFile: string, timeoutMs: number, ended: AbortSignal): Promise<number | undefined> {
  const endMs = systemClock.monotonicMs() + timeoutMs;
  while (!ended.aborted && systemClock.monotonicMs() < endMs) {
    const left = readEvents(eventsFile).find((event) => event.kind === "left");
    if (left !== undefined) return left.code;
    await pause(systemClock, LOOK_EVERY_MS, ended);
  }
  return undefined;
}

/** Process groups of the suites that run now. */
const groups = new Set<number>();
onExit(() => {
  for (const group of groups) signalGroup(group, "SIGKILL");
});

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Nobody is left in it.
  }
}

function readEvents(file: string): TestEvent[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  // A process that was killed may leave half a line.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as TestEvent);
}
