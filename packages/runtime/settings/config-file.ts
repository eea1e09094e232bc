import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { nearest } from "./nearest.ts";

export interface ConfigFile {
  /** Text given for a setting, by the setting's name. */
  readonly given: ReadonlyMap<string, string>;
  /** What cannot be understood, one sentence each; no value is quoted, since it may be a secret. */
  readonly problems: readonly string[];
}

export const noConfigFile: ConfigFile = { given: new Map(), problems: [] };

/**
 * Reads `NAME=value` lines as Node reads them for `--env-file`: `#` begins a comment, quotes around a value protect it.
 * Source: https://nodejs.org/api/environment_variables.html#dotenv
 * @param names those that may be given
 */
export function readConfigFile(path: string, names: readonly string[]): ConfigFile {
  const given = new Map<string, string>();
  const problems: string[] = [];
  for (const [index, line] of linesOf(path, problems).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const at = `line ${index + 1} of ${path}`;
    const [assignment] = Object.entries(parseEnv(line));
    if (assignment === undefined) problems.push(`${at} is not understood: give NAME=value`);
    else if (given.has(assignment[0])) problems.push(`${at} gives ${assignment[0]} a second time: give it once`);
    else if (!names.includes(assignment[0])) problems.push(`${at} has ${unknownName(assignment[0], names)}`);
    else given.set(assignment[0], assignment[1] ?? "");
  }
  return { given, problems };
}

function linesOf(path: string, problems: string[]): readonly string[] {
  try {
    return readFileSync(path, "utf8").split(/\r?\n/);
  } catch (error) {
    problems.push(`--config=${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

function unknownName(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return `${name}, which is not a setting: ${meant === undefined ? "see --help" : `did you mean ${meant}?`}`;
}
