import { defineCommand } from "../command.ts";
import { userPresenceJson } from "../json.ts";
import { align } from "../layout.ts";
import { userCells } from "./user-line.ts";

export const get = defineCommand({
  name: "get",
  summary: "who of these is online, with which status",
  operands: [{ name: "USER", times: "one-or-more" }],
  flags: {},
  details: [
    "Shows each user, in the order asked: online and on which devices, or when last seen. A user",
    "without devices who is online has just lost his connection and is in the grace period. While",
    "the store recovers from a loss, nothing is known of those who look offline: they are unknown.",
    "With --json they are as presence answers, beside recovering: true.",
  ].join("\n"),
  examples: ["get alice", "get alice bob carol --json"],
  async run({ operands, flags, api, terminal, clock }) {
    const { presences, recovering } = await api.getPresence({ userIds: [...operands] }, { timeoutMs: flags.timeout });
    const nowMs = clock.nowUs() / 1_000;
    const lines = flags.json
      ? presences.map((user) => JSON.stringify({ ...userPresenceJson(user), recovering }))
      : align(presences.map((user) => userCells(user, { recovering }, terminal, nowMs)));
    for (const line of lines) await terminal.print(line);
    if (recovering && !flags.json)
      terminal.note("The store recovers from a loss: who is not online here may be. Ask again in a while.");
  },
});
