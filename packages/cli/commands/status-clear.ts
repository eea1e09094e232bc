import { defineCommand } from "../command.ts";
import { toldStatusJson } from "../json.ts";
import { claim, userOperand } from "./status-flags.ts";
import { statusLine } from "./status-line.ts";

export const statusClear = defineCommand({
  name: "status clear",
  summary: "take away what was said about a user",
  operands: userOperand,
  flags: { claim },
  details: [
    "Takes away one claim, and shows what people see of the user now: what others say counts then. To",
    "clear what is not there succeeds.",
  ].join("\n"),
  examples: ["status clear alice", "status clear alice --claim calendar"],
  async run({ operands, flags, api, terminal, clock }) {
    const [userId = ""] = operands;
    const answer = await api.clearStatus({ userId, claimId: flags.claim }, { timeoutMs: flags.timeout });
    const nowMs = clock.nowUs() / 1_000;
    await terminal.print(
      flags.json ? JSON.stringify(toldStatusJson(userId, answer)) : statusLine(userId, answer.status, terminal, nowMs),
    );
  },
});
