import type { Clock } from "@realchat/presence-runtime/clock";
import type { Environment } from "@realchat/presence-runtime/settings";
import { CliError, type ExitCode, exitCodeOf, exitCodes } from "./cli-error.ts";
import type { Command } from "./command.ts";
import { readCommandLine } from "./command-line.ts";
import { close } from "./commands/close.ts";
import { devices } from "./commands/devices.ts";
import { events } from "./commands/events.ts";
import { get } from "./commands/get.ts";
import { hold } from "./commands/hold.ts";
import { leases } from "./commands/leases.ts";
import { refresh } from "./commands/refresh.ts";
import { register } from "./commands/register.ts";
import { sessions } from "./commands/sessions.ts";
import { statusClear } from "./commands/status-clear.ts";
import { statusGet } from "./commands/status-get.ts";
import { statusSet } from "./commands/status-set.ts";
import { token } from "./commands/token.ts";
import { unregister } from "./commands/unregister.ts";
import { watch } from "./commands/watch.ts";
import { manual, overview } from "./help.ts";
import { connectPresence } from "./presence-api.ts";
import type { Terminal } from "./terminal.ts";
import { nameAndVersion } from "./version.ts";

const ofSessions = [register, refresh, unregister, hold];
const ofStatuses = [statusSet, statusClear, statusGet];
const ofOperators = [sessions, leases, close, token];
const commands: readonly Command[] = [...ofSessions, get, devices, watch, events, ...ofStatuses, ...ofOperators];

interface Surroundings {
  readonly environment: Environment;
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** See Invocation. */
  stopSignal(): AbortSignal;
}

/** Runs one command line; what fails is told on stderr. */
export async function runCli(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { terminal } = surroundings;
  try {
    await run(args, surroundings);
    return exitCodes.done;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    terminal.note(explain(error));
    return exitCodeOf(error.code);
  }
}

async function run(args: readonly string[], { environment, terminal, clock, stopSignal }: Surroundings): Promise<void> {
  const line = readCommandLine(args, commands, environment);
  if (line.kind === "help") {
    return terminal.print(line.command === undefined ? overview(line.listed) : manual(line.command));
  }
  if (line.kind === "version") return terminal.print(nameAndVersion);
  const { command, operands, flags } = line;
  const connection = connectPresence(flags, clock);
  try {
    await command.run({ operands, flags, api: connection.api, terminal, clock, stopSignal });
  } finally {
    connection.close();
  }
}

function explain({ code, message }: CliError): string {
  switch (code) {
    case "USAGE":
      return `presence: ${message}\n"presence --help" tells more.`;
    case "UNREACHABLE":
      return `presence: ${message}`;
    default:
      return `presence: ${code}: ${message}`;
  }
}
