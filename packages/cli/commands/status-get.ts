import type { presence } from "@realchat/presence-proto";
import { defineCommand } from "../command.ts";
import { userClaimsJson } from "../json.ts";
import { align, printable } from "../layout.ts";
import { ago, millisOf } from "../time.ts";
import { userOperand } from "./status-flags.ts";
import { statusLine } from "./status-line.ts";
import { statusText } from "./status-text.ts";

export const statusGet = defineCommand({
  name: "status get",
  summary: "what people see of a user, and who said what",
  operands: userOperand,
  flags: {},
  details: "Shows the status, then each claim behind it: until when, and when it was said.",
  examples: ["status get alice", "status get alice --json"],
  async run({ operands, flags, api, terminal, clock }) {
    const [userId = ""] = operands;
    const answer = await api.getStatus({ userId }, { timeoutMs: flags.timeout });
    if (flags.json) return terminal.print(JSON.stringify(userClaimsJson(userId, answer)));
    const nowMs = clock.nowUs() / 1_000;
    await terminal.print(statusLine(userId, answer.status, terminal, nowMs));
    for (const line of align(answer.claims.map((claim) => rowOf(claim, nowMs)))) await terminal.print(line);
  },
});

function rowOf(claim: presence.StatusClaim, nowMs: number): string[] {
  const said = claim.setAt === undefined ? "" : `said ${ago(millisOf(claim.setAt), nowMs)}`;
  return [`  ${printable(claim.claimId)}`, statusText(claim, nowMs), said];
}
