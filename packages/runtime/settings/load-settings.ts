import { hostname } from "node:os";
import type { Clock } from "../clock.ts";
import { parseCommandLine } from "./command-line.ts";
import type { Environment } from "./environment.ts";
import { type Configurable, type LiveSettings, ReadSettings } from "./live-settings.ts";
import type { SettingsTable, Values } from "./setting.ts";
import { configText, helpText } from "./show-settings.ts";

/** What the command line asks for: to run, or only to print something. */
export type Start<Config> =
  | { readonly kind: "run"; readonly config: Config; readonly settings: LiveSettings<Config> }
  | { readonly kind: "print"; readonly text: string };

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
  const { settings: table, usage, version } = program;
  const commandLine = parseCommandLine(table, argv);
  if (commandLine.asksFor === "help") return { kind: "print", text: helpText(usage, table) };
  if (commandLine.asksFor === "version") return { kind: "print", text: version };
  const settings = new ReadSettings(program, commandLine, environment);
  if (commandLine.asksFor === "print-config") {
    return { kind: "print", text: configText(table, settings.values, settings.origins) };
  }
  return { kind: "run", config: settings.config, settings };
}

/** A name for this process. With the time, because a container that comes back has the host name and id that it had. */
export function instanceName(clock: Clock): string {
  return `${hostname()}-${process.pid}-${clock.nowUs().toString(36)}`;
}
