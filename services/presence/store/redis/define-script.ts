import { readFileSync } from "node:fs";

/** What RESP2 carries: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
export type Reply = string | number | null | readonly Reply[];

/**
 * A Lua script and what it takes: the typed twin beside each `lua/*.lua`. Names and order are those of the script's
 * header, which define-script.test.ts holds against this.
 */
export interface Script<Key extends string = string, Arg extends string = string, Result = unknown> {
  readonly file: string;
  readonly keys: readonly Key[];
  readonly args: readonly Arg[];
  readonly returns: (reply: Reply) => Result;
}

/** Values for a script's keys or arguments, by name. */
export type Values<Name extends string> = Readonly<Record<Name, string | number>>;

/** Declares a script of the folder `lua`. */
export function defineScript<const Key extends string, const Arg extends string, Result>(
  script: Script<Key, Arg, Result>,
): Script<Key, Arg, Result> {
  return script;
}

/** The arguments of EVALSHA or EVAL after the script: the number of keys, the keys, the arguments. */
export function scriptArguments<Key extends string, Arg extends string>(
  script: Script<Key, Arg, unknown>,
  keys: Values<Key>,
  args: Values<Arg>,
): string[] {
  const list = [String(script.keys.length)];
  for (const name of script.keys) list.push(String(keys[name]));
  for (const name of script.args) list.push(String(args[name]));
  return list;
}

/** Reads a Lua file. A line `-- #include name` takes in another, so that no decision is written down twice. */
export function readLua(file: string): string {
  return readFileSync(new URL(file, folder), "utf8").replaceAll(includes, (_, name: string) => readLua(`${name}.lua`));
}

const folder = new URL("./lua/", import.meta.url);
const includes = /^ *-- #include ([\w-]+)$/gm;
