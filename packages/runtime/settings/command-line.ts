import { parseArgs } from "node:util";
import { nearest } from "./nearest.ts";
import { flagOf, type SettingsTable } from "./setting.ts";

export interface CommandLine {
  /** Text given for a setting, by the setting's name. */
  readonly given: ReadonlyMap<string, string>;
  /** Path of the config file. */
  readonly configFile?: string | undefined;
  /** What to print instead of starting. */
  readonly asksFor: "help" | "version" | "print-config" | undefined;
  /** What cannot be understood, one sentence each. */
  readonly problems: readonly string[];
}

/** `--config`: not a setting, but where others are. */
const configFlag = "CONFIG";
const questions = ["help", "version", "print-config"] as const;

/** Reads `--flag value`, `--flag=value`, `--switch` and `--switch=false`; of a repeated flag the last one counts. */
export function parseCommandLine(table: SettingsTable, argv: readonly string[]): CommandLine {
  const names = new Map([...Object.keys(table), configFlag].map((name) => [flagOf(name).slice(2), name]));
  const isSwitch = (flag: string) => table[names.get(flag) ?? ""]?.kind.isSwitch === true;
  const options = Object.fromEntries([
    ...[...names.keys()].map((flag) => [flag, { type: isSwitch(flag) ? "boolean" : "string" } as const]),
    ...questions.map((question) => [question, { type: "boolean", short: question[0] } as const]),
  ]);
  // Not strict: strict parsing stops at the first problem, and suggests nothing.
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });

  const given = new Map<string, string>();
  const problems: string[] = [];
  let asksFor: CommandLine["asksFor"];
  for (const token of tokens) {
    if (token.kind === "positional") problems.push(`${token.value} is not a flag: give --flag value or --flag=value`);
    if (token.kind !== "option") continue;
    const question = questions.find((candidate) => candidate === token.name);
    const name = names.get(token.name);
    if (question !== undefined) {
      asksFor = asksFor === "help" ? asksFor : question;
    } else if (name === undefined) {
      problems.push(unknownFlag(token.rawName, [...names.keys(), ...questions]));
    } else if (isSwitch(token.name)) {
      given.set(name, token.value ?? "true");
    } else if (token.value === undefined || (!token.inlineValue && token.value.startsWith("-"))) {
      problems.push(`${token.rawName} has no value: give ${token.rawName}=${table[name]?.kind.placeholder ?? "file"}`);
    } else {
      given.set(name, token.value);
    }
  }
  const configFile = given.get(configFlag);
  given.delete(configFlag);
  return { given, configFile, asksFor, problems };
}

function unknownFlag(flag: string, known: readonly string[]): string {
  const meant = nearest(flag.replace(/^-+/, ""), known);
  return `${flag} is not a known flag: ${meant === undefined ? "see --help" : `did you mean --${meant}?`}`;
}
