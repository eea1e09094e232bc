import { durationOf } from "@realchat/presence-proto";
import { duration, text } from "@realchat/presence-runtime/settings";
import { CliError } from "../cli-error.ts";
import { defineCommand } from "../command.ts";
import { sessionRefJson } from "../json.ts";
import { printable } from "../layout.ts";
import { seconds } from "../time.ts";
import { identifier } from "./session-flags.ts";

const dayMs = 86_400_000;

export const close = defineCommand({
  name: "close",
  summary: "an operator ends sessions, and may keep the user away for a while",
  operands: [],
  flags: {
    user: { kind: identifier, meaning: "whose sessions; needed" },
    device: { kind: identifier, meaning: "of this device alone" },
    session: { kind: identifier, meaning: "this session_id alone, if it is there" },
    reason: {
      kind: { ...text({ maxBytes: 4_096 }), placeholder: "text" },
      meaning: "why, at most 100 bytes; needed, the client is told",
    },
    "block-for": {
      kind: duration({ min: 1_000, max: 30 * dayMs }),
      meaning: "for how long nothing of the user, or of the device, can register; 1s lifts a longer block",
    },
  },
  details: [
    "Ends what it names at once, with cause FORCED, and without asking once more. The connections that",
    "it ends cannot come back. Without --block-for the user can connect anew by hand; clients do not by",
    "themselves. To close what is not there succeeds.",
  ].join("\n"),
  examples: [
    'close --user alice --reason "account suspended" --block-for 24h',
    'close --user alice --device phone --reason "reported stolen"',
  ],
  async run({ flags, api, terminal }) {
    const { user: userId, device: deviceId = "", session: sessionId = "", reason } = flags;
    if (userId === undefined || reason === undefined) {
      throw new CliError("USAGE", "close needs --user and --reason");
    }
    const blockMs = flags["block-for"];
    const blockFor = blockMs === undefined ? undefined : durationOf(blockMs);
    const request = { userId, deviceId, sessionId, reason, blockFor };
    const { closed } = await api.closeSessions(request, { timeoutMs: flags.timeout });
    if (flags.json) return terminal.print(JSON.stringify({ closed: closed.map(sessionRefJson) }));
    for (const session of closed) {
      const { userId, deviceId, sessionId } = session;
      await terminal.print(
        `${terminal.dot(false)} ${printable(userId)} on ${printable(deviceId)} is closed: session ${printable(sessionId)}`,
      );
    }
    if (closed.length === 0) await terminal.print(`${printable(userId)} had no such session`);
    const isBlocked = sessionId === "" || closed.length > 0;
    if (blockMs !== undefined && isBlocked) await terminal.print(`It may not register again for ${seconds(blockMs)}.`);
  },
});
