import { hostname } from "node:os";
import type { Clock } from "../clock.ts";
import { parseCommandLine } from "./command-line.ts";
import type { Environment } from "./environment.ts";
import { readSettings } from "./read-settings.ts";
import type { SettingsTable, Values } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";
import { configText, helpText } from "./show-settings.ts";

/** What the command line asks for: to run, or only to print something. */
export type Start<Config> =
  | { readonly kind: "run"; readonly config: Config }
  | { readonly kind: "print"; readonly text: string };

/** A program's settings, and how they become its configuration. */
interface Configurable<Table extends SettingsTable, Whole extends Values<Table>, Config> {
  readonly settings: Table;
  /** What --help says before the table. */
  readonly usage: string;
  /** Adds the values that follow from others. */
  workOut(given: Values<Table>): Whole;
  /** @returns what does not go together, a sentence each */
  conflictsAmong(values: Whole): readonly string[];
  configOf(values: Whole): Config;
}

/**
 * Reads a program's configuration: flag, else environment, else default.
 * @param argv arguments without program and script
 * @throws SettingsError listing everything that is wrong, or that does not go together
 */
export function loadSettings<Table extends SettingsTable, Whole extends Values<Table>, Config>(
  program: Configurable<Table, Whole, Config>,
  argv: readonly string[],
  environment: Environment,
): Start<Config> {
  const { settings, usage } = program;
  const commandLine = parseCommandLine(settings, argv);
  if (commandLine.asksFor === "help") return { kind: "print", text: helpText(usage, settings) };
  const { values: given, origins } = readSettings(settings, commandLine, environment);
  const values = program.workOut(given);
  const conflicts = program.conflictsAmong(values);
  if (conflicts.length > 0) throw new SettingsError(conflicts);
  if (commandLine.asksFor === "print-config") return { kind: "print", text: configText(settings, values, origins) };
  return { kind: "run", config: program.configOf(values) };
}

/** A name for this process. With the time, because a container that comes back has the host name and id that it had. */
export function instanceName(clock: Clock): string {
  return `${hostname()}-${process.pid}-${clock.nowUs().toString(36)}`;
}
