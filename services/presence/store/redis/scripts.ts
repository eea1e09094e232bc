import { type RedisLink, runScript, type Script, type Values, withSource } from "@realchat/presence-redis";
import { type ScriptRules, writeRules } from "./script-rules.ts";

/** Runs scripts under one set of rules. */
export class Scripts {
  readonly #rules: ScriptRules;
  /** By the script as it is in its file. */
  readonly #ruled = new Map<Script, Script>();

  constructor(rules: ScriptRules) {
    this.#rules = rules;
  }

  /** @throws PresenceError UNAVAILABLE */
  run<Key extends string, Arg extends string, Result>(
    link: Pick<RedisLink, "send">,
    script: Script<Key, Arg, Result>,
    keys: Values<Key>,
    args: Values<Arg>,
    rest?: readonly string[],
  ): Promise<Result> {
    let ruled = this.#ruled.get(script) as Script<Key, Arg, Result> | undefined;
    if (ruled === undefined) {
      ruled = withSource(script, writeRules(script.source, this.#rules));
      this.#ruled.set(script, ruled);
    }
    return runScript(link, ruled, keys, args, rest);
  }
}
