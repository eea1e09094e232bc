import { callerLine, newToken, type Scope, scopes } from "@realchat/presence-runtime/callers";
import { listOf, oneOf } from "@realchat/presence-runtime/settings";
import { CliError } from "../cli-error.ts";
import { defineCommand } from "../command.ts";

export const token = defineCommand({
  name: "token",
  summary: "a new token for a caller, and its line for API_TOKENS_FILE",
  operands: [{ name: "NAME", times: "once" }],
  flags: {
    scopes: { kind: listOf(oneOf(scopes)), meaning: "what the caller may do; needed" },
  },
  details: [
    "Makes a token that nobody can guess, and tells presence nothing: put the line into the file that",
    "presence has as API_TOKENS_FILE, and give the token to the caller, as PRESENCE_TOKEN. The line has",
    "only its SHA-256, so the token cannot be had from it again. A caller may have several lines: add the",
    "new one, give out the new token, then take the old line away.",
  ].join("\n"),
  examples: ["token gateway-1 --scopes gateway,read,watch-everyone", "token alice --scopes read,admin --json"],
  async run({ operands, flags, terminal }) {
    const [name = ""] = operands;
    if (flags.scopes === undefined) throw new CliError("USAGE", `token needs --scopes: of ${scopes.join(", ")}`);
    const made = newToken();
    const line = lineOf(name, flags.scopes, made);
    if (flags.json) return terminal.print(JSON.stringify({ name, scopes: flags.scopes, token: made, line }));
    await terminal.print(`token  ${made}`);
    await terminal.print(`line   ${line}`);
  },
});

function lineOf(name: string, granted: readonly Scope[], made: string): string {
  try {
    return callerLine(name, granted, made);
  } catch (error) {
    throw new CliError("USAGE", (error as Error).message);
  }
}
