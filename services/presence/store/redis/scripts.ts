import { createHash } from "node:crypto";
import type { RedisConnection } from "./connection.ts";
import { type Reply, readLua, type Script, scriptArguments, type Values } from "./define-script.ts";
import { codeBehind } from "./redis-error.ts";
import { type ScriptRules, writeRules } from "./script-rules.ts";

/** Runs scripts on a connection, under one set of rules. */
export class Scripts {
  readonly #connection: RedisConnection;
  readonly #rules: ScriptRules;
  readonly #texts = new Map<string, { readonly source: string; readonly sha1: string }>();

  constructor(connection: RedisConnection, rules: ScriptRules) {
    this.#connection = connection;
    this.#rules = rules;
  }

  /**
   * Calls a script by its hash; a server that does not know it has done nothing, and is sent the whole.
   * @throws PresenceError UNAVAILABLE
   */
  async run<Key extends string, Arg extends string, Result>(
    script: Script<Key, Arg, Result>,
    keys: Values<Key>,
    args: Values<Arg>,
  ): Promise<Result> {
    const { source, sha1 } = this.#textOf(script.file);
    const rest = scriptArguments(script, keys, args);
    let reply: Reply;
    try {
      reply = await this.#connection.send(["EVALSHA", sha1, ...rest]);
    } catch (error) {
      if (codeBehind(error) !== "NOSCRIPT") throw error;
      reply = await this.#connection.send(["EVAL", source, ...rest]);
    }
    return script.returns(reply);
  }

  #textOf(file: string): { readonly source: string; readonly sha1: string } {
    let text = this.#texts.get(file);
    if (text === undefined) {
      const source = writeRules(readLua(file), this.#rules);
      text = { source, sha1: createHash("sha1").update(source).digest("hex") };
      this.#texts.set(file, text);
    }
    return text;
  }
}
