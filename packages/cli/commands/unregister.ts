import { defineCommand } from "../command.ts";
import { printable } from "../layout.ts";
import { disconnectReasonOf, reason, sessionId } from "./session-flags.ts";
import { sessionOf, sessionOperands } from "./session-operands.ts";

export const unregister = defineCommand({
  name: "unregister",
  summary: "a device disconnects: with the last one its user is offline",
  operands: sessionOperands,
  flags: { "session-id": sessionId, reason: reason("none-given") },
  details: [
    "Ends a session. To end what is not there succeeds, and so does the call of one whose session",
    'was replaced: it changes nothing. "presence get USER" tells what became of it.',
  ].join("\n"),
  examples: ["unregister alice phone", "unregister alice phone --reason connection-lost"],
  async run({ operands, flags, api, terminal }) {
    const session = sessionOf(operands);
    await api.unregisterSession(
      { ...session, sessionId: flags["session-id"] ?? "", reason: disconnectReasonOf(flags.reason) },
      { timeoutMs: flags.timeout },
    );
    if (flags.json) return terminal.print("{}");
    // The answer does not tell whether the session was still this caller's.
    const { userId, deviceId } = session;
    await terminal.print(
      `${terminal.dot(false)} told that ${printable(userId)} on ${printable(deviceId)} has disconnected`,
    );
  },
});
