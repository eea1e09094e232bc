import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { pause, systemClock } from "@realchat/presence-runtime/clock";

/** All that our programs get of our own environment: compiled modules, too, so that none compiles what another one did. */
export const bareEnvironment: Readonly<NodeJS.ProcessEnv> = {
  PATH: process.env.PATH,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
};

/** A process that this one started, and that does not outlive it. */
export type Child = {
  readonly pid: number;
  /** All that it wrote to stdout and stderr since it was started. */
  output(): string;
  /** Exit code, 128 + number when a signal ended it (as shells count), undefined while it runs. */
  exitCode(): number | undefined;
  /** Resolves with the exit code when it is over. */
  untilEnded(): Promise<number>;
  signal(name: NodeJS.Signals): void;
  /** Sends the signal, waits for the end and returns the exit code; after `deadlineMs`, default 30,000, it is SIGKILL. */
  end(name: NodeJS.Signals, deadlineMs?: number): Promise<number>;
};

/**
 * Starts a program with its output in a file, so that neither a pause of this process nor a full pipe holds it up.
 * @param options.logFile path; made anew
 * @param options.signal how a signal reaches what the program stands for; default: sent to the program itself
 * @throws Error when the program cannot be started
 */
export async function startChild(
  program: string,
  args: readonly string[],
  options: { logFile: string; env?: NodeJS.ProcessEnv; cwd?: string; signal?: (name: NodeJS.Signals) => void },
): Promise<Child> {
  const log = openSync(options.logFile, "w");
  const started = spawn(program, args, { cwd: options.cwd, env: options.env, stdio: ["ignore", log, log] });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    started.once("spawn", resolve);
    started.once("error", reject);
  });
  const pid = started.pid as number;
  let exitCode: number | undefined;
  const ended = new Promise<number>((resolve) => {
    started.once("exit", (code, signal) => {
      exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
      living.delete(pid);
      resolve(exitCode);
    });
  });
  remember(pid);
  // A test that forgot to stop its server ends nevertheless, and the server with it.
  started.unref();

  const send = options.signal ?? ((name) => started.kill(name));
  const signal = (name: NodeJS.Signals) => {
    if (exitCode === undefined) send(name);
  };
  return {
    pid,
    output: () => readFileSync(options.logFile, "utf8"),
    exitCode: () => exitCode,
    untilEnded() {
      started.ref();
      return ended;
    },
    signal,
    async end(name, deadlineMs = 30_000) {
      started.ref();
      signal(name);
      // A process that SIGSTOP holds does not see any other signal until it may go on.
      signal("SIGCONT");
      const enough = new AbortController();
      const patience = pause(systemClock, deadlineMs, enough.signal).then(() => signal("SIGKILL"));
      const code = await ended;
      enough.abort();
      await patience;
      return code;
    },
  };
}

const living = new Set<number>();
const atExit: (() => void)[] = [];

/** Runs when this process exits, on SIGINT, SIGTERM and SIGHUP too, after its children were ended. */
export function onExit(run: () => void): void {
  if (atExit.length === 0) watchForExit();
  atExit.push(run);
}

function remember(pid: number): void {
  if (atExit.length === 0) onExit(() => {});
  living.add(pid);
}

function watchForExit(): void {
  process.once("exit", () => {
    for (const pid of living) killIfThere(pid);
    for (const run of atExit) run();
  });
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(name, () => process.exit(128 + constants.signals[name]));
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended between our last look and this signal.
  }
}
