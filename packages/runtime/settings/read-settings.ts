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

/** A setting's text; undefined: it has none. */
interface GivenText {
  readonly origin: Origin;
  readonly text: string | undefined;
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
  return valuesOf(table, givenTexts(table, commandLine, environment), commandLine.problems);
}

/** The text of every setting, by its name. */
export function givenTexts(
  table: SettingsTable,
  commandLine: CommandLine,
  environment: Environment,
): ReadonlyMap<string, GivenText> {
  const find = (name: string, setting: GroupedSetting): GivenText => {
    const flag = commandLine.given.get(name);
    if (flag !== undefined && flag !== "") return { origin: "flag", text: flag };
    const variable = environment[name];
    if (variable !== undefined && variable !== "") return { origin: "environment", text: variable };
    return { origin: "default", text: typeof setting.default === "string" ? setting.default : undefined };
  };
  return new Map(Object.entries(table).map(([name, setting]) => [name, find(name, setting)]));
}

/** Paths of the files that values are to be read from. */
export function pathsIn(table: SettingsTable, texts: ReadonlyMap<string, GivenText>): string[] {
  return [...texts].flatMap(([name, { text }]) => (table[name]?.kind.readsFile && text !== undefined ? [text] : []));
}

/**
 * @param problems what is wrong already
 * @throws SettingsError with those, and everything that is wrong with single values
 */
export function valuesOf<Table extends SettingsTable>(
  table: Table,
  texts: ReadonlyMap<string, GivenText>,
  problems: readonly string[],
): Reading<Table> {
  const found = [...problems];
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const [name, setting] of Object.entries(table)) {
    const { origin, text } = texts.get(name) ?? { origin: "default", text: undefined };
    origins[name] = origin;
    const parsed = text === undefined ? undefined : setting.kind.schema.safeParse(text);
    if (parsed?.success) values[name] = parsed.data;
    else if (parsed) found.push(problemOf(name, setting, origin, text ?? "", parsed.error));
  }
  if (found.length > 0) throw new SettingsError(found);
  return { values: values as Values<Table>, origins: origins as Reading<Table>["origins"] };
}

/** `SESSION_TTL=5 (environment) has no unit: give a duration such as …`. */
function problemOf(name: string, setting: GroupedSetting, origin: Origin, text: string, error: z.ZodError): string {
  const shown = setting.kind.hide?.(text) ?? text;
  const given = origin === "flag" ? `${flagOf(name)}=${shown}` : `${name}=${shown} (${origin})`;
  const [issue] = error.issues;
  const [index] = issue?.path ?? [];
  return `${given}${typeof index === "number" ? `: entry ${index + 1}` : ""} ${issue?.message}`;
}
