import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { codeBehind } from "./redis-error.ts";
import type { Reply } from "./replies.ts";
import type { RedisLink } from "./topology/redis-servers.ts";

/** A Lua script and what it takes: the typed twin of a `.lua` file. Names and order are those of its header. */
export interface Script<Key extends string = string, Arg extends string = string, Result = unknown> {
  readonly file: string;
  readonly keys: readonly Key[];
  readonly args: readonly Arg[];
  /** What follows the arguments, as many as there are; absent: nothing may. */
  readonly rest?: string;
  readonly returns: (reply: Reply) => Result;
  /** The Lua source, with its includes. */
  readonly source: string;
  /** Names the source in EVALSHA. */
  readonly sha1: string;
}

/** Values for a script's keys and arguments, by name. */
export type Values<Name extends string> = Readonly<Record<Name, string | number>>;

/** Takes in another file; captures its path in the folder of the scripts, without `.lua`. */
export const includeLine = /^ *-- #include ((?:\.\.\/)*[\w-]+(?:\/[\w-]+)*)$/;
const includeLines = new RegExp(includeLine, "gm");

/** Reads scripts of a folder and the folders in it, and pieces of others. A file takes in another one with a line `-- #include path`. */
export function scriptsIn(folder: URL) {
  const read = (file: string): string =>
    readFileSync(new URL(file, folder), "utf8").replaceAll(includeLines, (_, path: string) => read(`${path}.lua`));

  return function defineScript<const Key extends string, const Arg extends string, Result>(definition: {
    file: string;
    keys: readonly Key[];
    args: readonly Arg[];
    rest?: string;
    returns: (reply: Reply) => Result;
  }): Script<Key, Arg, Result> {
    return withSource(definition, read(definition.file));
  };
}

/** The script with that Lua source, such as its own with values written into it. */
export function withSource<Definition extends object>(definition: Definition, source: string) {
  return { ...definition, source, sha1: createHash("sha1").update(source).digest("hex") };
}

/**
 * Calls a script by its hash; a server that does not know it has done nothing, and is sent the whole.
 * @param rest of a script that takes any number of arguments
 * @throws like `send` of the connection
 */
export async function runScript<Key extends string, Arg extends string, Result>(
  connection: Pick<RedisLink, "send">,
  script: Script<Key, Arg, Result>,
  keys: Values<Key>,
  args: Values<Arg>,
  rest: readonly string[] = [],
): Promise<Result> {
  const values = [String(script.keys.length)];
  for (const name of script.keys) values.push(String(keys[name]));
  for (const name of script.args) values.push(String(args[name]));
  for (const value of rest) values.push(value);
  let reply: Reply;
  try {
    reply = await connection.send(["EVALSHA", script.sha1, ...values]);
  } catch (error) {
    if (codeBehind(error) !== "NOSCRIPT") throw error;
    reply = await connection.send(["EVAL", script.source, ...values]);
  }
  return script.returns(reply);
}
