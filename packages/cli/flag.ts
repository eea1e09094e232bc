import { type Environment, type Setting, toggle } from "@realchat/presence-runtime/settings";
import { CliError } from "./cli-error.ts";

/** One `--name VALUE` or `--name` of a command. */
interface Flag<Value = unknown> extends Setting<Value> {
  /** The environment variable that stands in when the flag is not given. */
  readonly variable?: string;
  /** Text as a user would write it; absent: no value. */
  readonly default?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: flags of different values share a table; `FlagValues` gets each type back
export type Flags = Readonly<Record<string, Flag<any>>>;

/** The values of flags, by their names; a flag without a default may be undefined. */
export type FlagValues<Of extends Flags> = {
  readonly [Name in keyof Of]: Of[Name] extends Flag<infer Value>
    ? Of[Name] extends { readonly default: string }
      ? Value
      : Value | undefined
    : never;
};

/** A flag that is given or not. */
export function given(meaning: string) {
  return { kind: toggle, default: "false", meaning } as const;
}

/**
 * The flag's value: what was typed, else its variable's, else the default. An empty text counts as not given.
 * @throws CliError USAGE: which flag or variable, why it is wrong, what would be right
 */
export function readFlag(name: string, flag: Flag, typed: string | undefined, environment: Environment): unknown {
  const variable = flag.variable === undefined ? undefined : environment[flag.variable];
  const text = typed || variable || flag.default;
  if (text === undefined) return undefined;
  const parsed = flag.kind.schema.safeParse(text);
  if (parsed.success) return parsed.data;
  const source = typed ? `--${name}` : variable ? flag.variable : `the default of --${name}`;
  throw new CliError("USAGE", `${source} ${flag.kind.hide?.(text) ?? text} ${parsed.error.issues[0]?.message}`);
}
