import type { z } from "zod";
import type { CommandLine } from "./command-line.ts";
import type { Environment } from "./environment.ts";
import { flagOf, type GroupedSetting, type SettingsTable, type Values } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";

export type Origin = "default" | "environment" | "flag";

export interface Reading<Table extends SettingsTable> {
  readonly values: Values<Table>;
  /** Where each value came from. */
  readonly origins: { readonly [Name in keyof Table]: Origin };
}

/**
 * The value of every setting: the flag's, else the environment's, else the default. An empty text counts as not given,
 * since deployments pass unset variables on as empty ones.
 * @throws SettingsError naming everything that is wrong with the command line and with single values
 */
export function readSettings<Table extends SettingsTable>(
  table: Table,
  commandLine: CommandLine,
  environment: Environment,
): Reading<Table> {
  const problems = [...commandLine.problems];
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const [name, setting] of Object.entries(table)) {
    const { origin, text } = find(name, setting, commandLine, environment);
    origins[name] = origin;
    const parsed = text === undefined ? undefined : setting.kind.schema.safeParse(text);
    if (parsed?.success) values[name] = parsed.data;
    else if (parsed) problems.push(problemOf(name, setting, origin, text ?? "", parsed.error));
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return { values: values as Values<Table>, origins: origins as Reading<Table>["origins"] };
}

function find(
  name: string,
  setting: GroupedSetting,
  commandLine: CommandLine,
  environment: Environment,
): { origin: Origin; text: string | undefined } {
  const flag = commandLine.given.get(name);
  if (flag !== undefined && flag !== "") return { origin: "flag", text: flag };
  const variable = environment[name];
  if (variable !== undefined && variable !== "") return { origin: "environment", text: variable };
  return { origin: "default", text: typeof setting.default === "string" ? setting.default : undefined };
}

/** `SESSION_TTL=5 (environment) has no unit: give a duration such as …`. */
function problemOf(name: string, setting: GroupedSetting, origin: Origin, text: string, error: z.ZodError): string {
  const shown = setting.kind.hide?.(text) ?? text;
  const given = origin === "flag" ? `${flagOf(name)}=${shown}` : `${name}=${shown} (${origin})`;
  const [issue] = error.issues;
  const [index] = issue?.path ?? [];
  return `${given}${typeof index === "number" ? `: entry ${index + 1}` : ""} ${issue?.message}`;
}
