import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { onExit, repository, temporaryFolder } from "@realchat/presence-testing";
import { type Ending, judge, type Outcome, type TestEvent } from "./outcome.ts";

const reporter = fileURLToPath(new URL("./record-events.ts", import.meta.url));

// What a suite may take to end its servers when its time is over.
const LAST_WORDS_MS = 3_000;

/**
 * Runs one test file in a process of its own, and ends all that it started.
 * @param file path of the file, from the repository's root
 */
export async function runSuite(file: string, options: { env: NodeJS.ProcessEnv; timeoutMs: number }): Promise<Outcome> {
  const folder = temporaryFolder("suite");
  const eventsFile = join(folder.path, "events");
  const outputFile = join(folder.path, "output");
  const args = ["--test-reporter", reporter, "--test-reporter-destination", eventsFile, file];
  const ending = await run(args, outputFile, options);
  const output = readFileSync(outputFile, "utf8");
  const outcome = judge(readEvents(eventsFile), ending, output);
  folder.remove();
  return { ...outcome, output };
}

async function run(
  args: readonly string[],
  outputFile: string,
  options: { env: NodeJS.ProcessEnv; timeoutMs: number },
): Promise<Ending> {
  const { NODE_TEST_CONTEXT: _, ...env } = options.env; // set while we are tested ourselves: replaces the reporter
  const output = openSync(outputFile, "w");
  // Detached: a process group of its own, so that its servers can be ended with it whatever state it is in.
  const child = spawn(process.execPath, args, {
    cwd: repository,
    // Suites share most modules; the second need not strip and compile them again, which is a third of its time.
    env: { NODE_COMPILE_CACHE: join(repository, ".cache/compile"), ...env },
    stdio: ["ignore", output, output],
    detached: true,
  });
  closeSync(output);
  const group = child.pid as number;
  groups.add(group);

  let timedOut = false;
  const ended = new AbortController();
  const deadline = pause(systemClock, options.timeoutMs, ended.signal).then(async () => {
    if (ended.signal.aborted) return;
    timedOut = true;
    signalGroup(group, "SIGTERM");
    await pause(systemClock, LAST_WORDS_MS, ended.signal);
    signalGroup(group, "SIGKILL");
  });
  const code = await new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
  ended.abort();
  await deadline;
  signalGroup(group, "SIGKILL");
  groups.delete(group);
  return timedOut ? { kind: "timeout", afterMs: options.timeoutMs } : { kind: "exit", code };
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
