import { Writable } from "node:stream";
import { type Environment, systemClock } from "@realchat/presence-runtime";
import { runCli } from "../cli.ts";
import type { ExitCode } from "../cli-error.ts";
import { createTerminal } from "../terminal.ts";

export interface CapturedRun {
  /** Lines of stdout and stderr so far. */
  readonly stdout: string[];
  readonly stderr: string[];
  /** As Ctrl-C does. */
  stop(): void;
  readonly exitCode: Promise<ExitCode>;
}

/** Runs a command line in this process, without a terminal. */
export function capturedRun(
  args: readonly string[],
  options: { environment?: Environment; colors?: boolean } = {},
): CapturedRun {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const stop = new AbortController();
  const exitCode = runCli(args, {
    environment: options.environment ?? {},
    terminal: createTerminal(linesInto(stdout), linesInto(stderr), options.colors ?? false),
    clock: systemClock,
    stopSignal: () => stop.signal,
  });
  return { stdout, stderr, stop: () => stop.abort(), exitCode };
}

/** The terminal writes whole lines. */
function linesInto(lines: string[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(...chunk.toString().replace(/\n$/, "").split("\n"));
      done();
    },
  });
}
