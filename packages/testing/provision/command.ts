import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { systemClock } from "@realchat/presence-runtime/clock";

type CommandResult = { ok: boolean; output: string };

/**
 * Runs a program to its end, without stdin, and keeps what it says.
 * @param options.timeoutMs default 5 minutes; then it is killed and the result is not ok
 */
export function runCommand(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; timeoutMs?: number } = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    // Not spawn's own timeout: it goes on when there is no such program, and keeps this process alive.
    const cancel = systemClock.after(options.timeoutMs ?? 300_000, () => child.kill("SIGKILL"));
    const done = (result: CommandResult) => {
      cancel();
      resolve(result);
    };
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString("utf8")).slice(-100_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => done({ ok: false, output: `${output}${error.message}` }));
    child.on("close", (code) => done({ ok: code === 0, output }));
  });
}

/** Full path of a program that PATH finds, undefined when it finds none. */
export function onPath(program: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, program);
    if (folder !== "" && isExecutable(path)) return path;
  }
  return undefined;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
