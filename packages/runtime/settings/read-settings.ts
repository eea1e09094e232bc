import type { z } from "zod";
import type { CommandLine } from "./command-line.ts";
import { type ConfigFile, noConfigFile } from "./config-file.ts";
import type { Environment } from "./environment.ts";
import { flagOf, type GroupedSetting, type SettingsTable, type Values } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";

/** Where a value came from; each one wins over those before it. */
const origins = ["default", "config file", "environment", "flag"] as const;
export type Origin = (typeof origins)[number];

export interface Reading<Table extends SettingsTable> {
  readonly values: Values<Table>;
  /** Where each value came from. */
  readonly origins: { readonly [Name in keyof Table]: Origin };
}

/** Where texts are looked for. */
interface Sources {
  readonly commandLine: CommandLine;
  readonly environment: Environment;
  /** Default: there is none. */
  readonly configFile?: ConfigFile;
}

/** A setting's text; undefined: it has none. */
interface GivenText {
  readonly origin: Origin;
  readonly text: string | undefined;
}

/**
 * The value of every setting: the flag's, else the environment's, else the config file's, else the default. An empty text
 * counts as not given, since deployments pass unset variables on as empty ones.
 * @throws SettingsError naming everything that is wrong with the sources and with single values
 */
export function readSettings<Table extends SettingsTable>(table: Table, sources: Sources): Reading<Table> {
  const { commandLine, configFile = noConfigFile } = sources;
  const texts = givenTexts(table, sources);
  const problems = [...commandLine.problems, ...configFile.problems, ...givenTwice(table, texts)];
  const values: Record<string, unknown> = {};
  const from: Record<string, Origin> = {};
  for (const [name, setting] of Object.entries(table)) {
    const { origin, text } = texts.get(name) ?? nothing;
    from[name] ??= origin;
    const parsed = text === undefined ? undefined : setting.kind.schema.safeParse(text);
    if (parsed?.success) values[name] = parsed.data;
    else if (parsed) problems.push(problemOf(name, setting, origin, text ?? "", parsed.error));
    if (parsed?.success && setting.holds !== undefined) {
      values[setting.holds] = parsed.data.content;
      from[setting.holds] = origin;
    }
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return { values: values as Values<Table>, origins: from as Reading<Table>["origins"] };
}

/** Paths of the files that values are read from. */
export function filesIn(table: SettingsTable, sources: Sources): string[] {
  const texts = givenTexts(table, sources);
  return [...texts].flatMap(([name, { text }]) => (table[name]?.kind.readsFile && text !== undefined ? [text] : []));
}

const nothing: GivenText = { origin: "default", text: undefined };

/** The text of every setting, by its name; of a secret and the file that may hold it, the one that wins. */
function givenTexts(
  table: SettingsTable,
  { commandLine, environment, configFile = noConfigFile }: Sources,
): ReadonlyMap<string, GivenText> {
  const find = (name: string, setting: GroupedSetting): GivenText => {
    const flag = commandLine.given.get(name);
    if (flag) return { origin: "flag", text: flag };
    const variable = environment[name];
    if (variable) return { origin: "environment", text: variable };
    const line = configFile.given.get(name);
    if (line) return { origin: "config file", text: line };
    return { origin: "default", text: typeof setting.default === "string" ? setting.default : undefined };
  };
  const texts = new Map(Object.entries(table).map(([name, setting]) => [name, find(name, setting)]));
  for (const [name, { holds }] of Object.entries(table)) {
    if (holds === undefined) continue;
    const rank = (of: string) => origins.indexOf((texts.get(of) ?? nothing).origin);
    if (rank(name) !== rank(holds)) texts.set(rank(name) < rank(holds) ? name : holds, nothing);
  }
  return texts;
}

function* givenTwice(table: SettingsTable, texts: ReadonlyMap<string, GivenText>): Iterable<string> {
  for (const [name, { holds }] of Object.entries(table)) {
    const { origin, text } = texts.get(name) ?? nothing;
    if (holds === undefined || text === undefined || texts.get(holds)?.text === undefined) continue;
    yield `${holds} and ${name} are both set (${origin}): give one of them`;
  }
}

/** `SESSION_TTL=5 (environment) has no unit: give a duration such as …`. */
function problemOf(name: string, setting: GroupedSetting, origin: Origin, text: string, error: z.ZodError): string {
  const shown = setting.kind.hide?.(text) ?? text;
  const given = origin === "flag" ? `${flagOf(name)}=${shown}` : `${name}=${shown} (${origin})`;
  const [issue] = error.issues;
  const [index] = issue?.path ?? [];
  return `${given}${typeof index === "number" ? `: entry ${index + 1}` : ""} ${issue?.message}`;
}
