import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { RedisConnection } from "./connection.ts";
import { codeBehind } from "./redis-error.ts";

/** What RESP2 carries: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
export type Reply = string | number | null | readonly Reply[];

/** A Lua script and what it takes: the typed twin of a `.lua` file. Names and order are those of its header. */
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

/** Reads scripts of a folder. A file takes in another of it with a line `-- #include name`. */
export function scriptsIn(folder: URL) {
  const read = (file: string): string =>
    readFileSync(new URL(file, folder), "utf8").replaceAll(includes, (_, name: string) => read(`${name}.lua`));

  return function defineScript<const Key extends string, const Arg extends string, Result>(definition: {
    file: string;
    keys: readonly Key[];
    args: readonly Arg[];
    returns: (reply: Reply) => Result;
  }): Script<Key, Arg, Result> {
    return withSource(definition, read(definition.file));
  };
}

/** The script with that Lua source, such as its own with values written into it. */
export function withSource<Definition extends object>(definition: Definition, source: string) {
  return { ...definition, source, sha1: createHash("sha1").update(source).digest("hex") };
}

const includes = /^ *-- #include ([\w-]+)$/gm;

/**
 * Calls a script by its hash; a server that does not know it has done nothing, and is sent the whole.
 * @throws like `send` of the connection
 */
export async function runScript<Key extends string, Arg extends string, Result>(
  connection: Pick<RedisConnection, "send">,
  script: Script<Key, Arg, Result>,
  keys: Values<Key>,
  args: Values<Arg>,
): Promise<Result> {
  const rest = [String(script.keys.length)];
  for (const name of script.keys) rest.push(String(keys[name]));
  for (const name of script.args) rest.push(String(args[name]));
  let reply: Reply;
  try {
    reply = await connection.send(["EVALSHA", script.sha1, ...rest]);
  } catch (error) {
    if (codeBehind(error) !== "NOSCRIPT") throw error;
    reply = await connection.send(["EVAL", script.source, ...rest]);
  }
  return script.returns(reply);
}
