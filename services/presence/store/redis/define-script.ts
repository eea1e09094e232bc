import { createHash } from "node:crypto";
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
  /** The Lua source, with its includes. */
  readonly source: string;
  /** Names the source in EVALSHA. */
  readonly sha1: string;
}

/** Values for a script's keys and arguments, by name. */
export type Values<Name extends string> = Readonly<Record<Name, string | number>>;

const folder = new URL("./lua/", import.meta.url);

/** Reads a script of the folder `lua`. */
export function defineScript<const Key extends string, const Arg extends string, Result>(definition: {
  file: string;
  keys: readonly Key[];
  args: readonly Arg[];
  returns: (reply: Reply) => Result;
}): Script<Key, Arg, Result> {
  const source = readLua(definition.file);
  return { ...definition, source, sha1: createHash("sha1").update(source).digest("hex") };
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

/** A file takes in another with a line `-- #include name`, so that no decision is written down twice. */
function readLua(file: string): string {
  return readFileSync(new URL(file, folder), "utf8").replaceAll(includes, (_, name: string) => readLua(`${name}.lua`));
}

const includes = /^ *-- #include ([\w-]+)$/gm;
