import type { Clock } from "@realchat/presence-runtime/clock";
import type { Flags, FlagValues } from "./flag.ts";
import type { PresenceApi } from "./presence-api.ts";
import type { SharedFlags } from "./shared-flags.ts";
import type { Terminal } from "./terminal.ts";

/** A word that a command takes by its place. */
export interface Operand {
  readonly name: string;
  /** `once`; the last one may come `one-or-more` times or `any` number of times. */
  readonly times: "once" | "one-or-more" | "any";
}

/** What a command is run with. */
export interface Invocation<Own extends Flags> {
  readonly operands: readonly string[];
  readonly flags: FlagValues<Own> & SharedFlags;
  readonly api: PresenceApi;
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** Aborts on Ctrl-C. Until a command asks for it, Ctrl-C ends the process. */
  stopSignal(): AbortSignal;
}

export interface Command {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly operands: readonly Operand[];
  readonly flags: Flags;
  /** What help adds to the summary. */
  readonly details: string;
  readonly examples: readonly string[];
  /** @throws CliError */
  run(invocation: Invocation<Flags>): Promise<void>;
}

/** Types the flags that `run` is given by those that the command declares. */
export function defineCommand<Own extends Flags>(
  command: Omit<Command, "flags" | "run"> & {
    readonly flags: Own;
    run(invocation: Invocation<Own>): Promise<void>;
  },
): Command {
  return command;
}

/** How help writes an operand: `USER`, `USER...`, `[USER...]`. */
export function operandShape({ name, times }: Operand): string {
  if (times === "once") return name;
  return times === "any" ? `[${name}...]` : `${name}...`;
}
