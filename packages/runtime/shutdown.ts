import type { Writable } from "node:stream";
import { outliveBrokenOutput } from "./broken-output.ts";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import { redactUrls } from "./redact.ts";

/** One thing to bring to an end. */
export interface DrainStep {
  /** What it does, for the log: `hand the shards over`. */
  readonly name: string;
  /** @param remainingMs until the whole shutdown is cut short; leave some of it to the steps that follow */
  run(remainingMs: number): void | Promise<void>;
}

export interface DrainOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** Says at once that this process is about to go, as readiness does. It goes on serving meanwhile. */
  announce?(): void;
  /** From there to the first step: until nobody is sent here any more. */
  readonly delayMs?: number;
  /** In order. One that fails does not keep the following ones from running. */
  readonly steps: readonly DrainStep[];
  /** For all steps together, after the delay; 10 s is less than what orchestrators wait. */
  readonly deadlineMs: number;
  /** What SIGHUP does; absent: it drains. It does so too where there is a terminal, which was closed then. */
  readonly onHangUp?: () => void;
}

/** What of the process a shutdown needs. */
export type Host = Pick<NodeJS.Process, "on" | "exit"> & {
  readonly stdin: { readonly isTTY?: boolean };
  readonly stdout: Pick<Writable, "on">;
  readonly stderr: Pick<Writable, "on" | "write">;
};

/** Without a listener each of them would kill the process where it is. */
const stopSignals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** On a terminal, Ctrl-C comes twice: from the terminal, and once more from npm. That is no second thought. */
const sameSignalMs = 1_000;

/**
 * On a stop signal runs the steps and exits: with 0 when all is done, with 1 when a step failed or the deadline passed.
 * A second signal, at least a second later, exits with 1 at once.
 */
export function drainOnSignal(options: DrainOptions, host: Host = process): void {
  const { clock, onHangUp } = options;
  let drainingSinceMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (drainingSinceMs !== undefined) {
      if (clock.monotonicMs() - drainingSinceMs < sameSignalMs) return;
      options.log.warn(`second signal (${signal}): exiting at once`);
      host.exit(1);
      return;
    }
    drainingSinceMs = clock.monotonicMs();
    const { announce, delayMs = 0, log } = options;
    announce?.();
    log.info(delayMs > 0 ? `${signal}: draining in ${delayMs} ms, not ready from now on` : `${signal}: draining`);
    clock.after(delayMs, () => void drain(options).then((code) => host.exit(code)));
  };
  const isHangUpNoEnd = onHangUp !== undefined && host.stdin.isTTY !== true;
  for (const signal of stopSignals) host.on(signal, signal === "SIGHUP" && isHangUpNoEnd ? onHangUp : onSignal);
}

/**
 * Runs what brings a program up; a failure is told in words and ends the process with 1. Output that breaks does not end
 * it, then or later.
 */
export async function startOrExit(program: string, start: () => Promise<void>, host: Host = process): Promise<void> {
  await runOrExit(`${program} cannot start`, start, host);
}

/**
 * The same for a command, which does what it is for and ends.
 * @param command what failed, if it does, such as `audience import`
 */
export async function runOrExit(command: string, run: () => Promise<void>, host: Host = process): Promise<void> {
  outliveBrokenOutput(host.stdout, host.stderr);
  try {
    await run();
  } catch (error) {
    host.stderr.write(`${command}: ${redactUrls(reasonOf(error))}\n`);
    host.exit(1);
  }
}

async function drain({ log, clock, steps, deadlineMs }: DrainOptions): Promise<0 | 1> {
  const startedMs = clock.monotonicMs();
  const elapsedMs = () => Math.round(clock.monotonicMs() - startedMs);
  const overdue = Promise.withResolvers<"overdue">();
  const cancel = clock.after(deadlineMs, () => overdue.resolve("overdue"));
  let code: 0 | 1 = 0;
  for (const { name, run } of steps) {
    const beganMs = elapsedMs();
    const outcome = await Promise.race([attempt(run, deadlineMs - beganMs), overdue.promise]);
    if (outcome === "overdue") {
      log.error(`drain: ${name}: not done when the ${deadlineMs} ms of the shutdown were over; exiting`);
      return 1;
    }
    if (outcome === "done") {
      log.info(`drain: ${name}: done in ${elapsedMs() - beganMs} ms`);
    } else {
      log.error({ err: outcome.error }, `drain: ${name}: failed`);
      code = 1;
    }
  }
  cancel();
  log.info(`drained in ${elapsedMs()} ms`);
  return code;
}

async function attempt(run: DrainStep["run"], remainingMs: number): Promise<"done" | { error: unknown }> {
  try {
    await run(remainingMs);
    return "done";
  } catch (error) {
    return { error };
  }
}

/** The message, or with an error that our own code should not have made, the stack. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isBug = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
  if (isBug) return error.stack ?? error.message;
  // Node leaves the message empty when every address of a name was refused.
  if (error.message === "" && error instanceof AggregateError) return error.errors.map(reasonOf).join("; ");
  return error.message;
}
