import { durationMs } from "@realchat/presence-proto";
import { defineCommand } from "../command.ts";
import { printable } from "../layout.ts";
import { durationJson, seconds } from "../time.ts";
import { sessionId } from "./session-flags.ts";
import { sessionOf, sessionOperands } from "./session-operands.ts";

export const refresh = defineCommand({
  name: "refresh",
  summary: "a heartbeat: the session lives for another TTL",
  operands: sessionOperands,
  flags: { "session-id": sessionId },
  details: [
    "Sends one heartbeat. NOT_FOUND: the session is gone, register it again with",
    "--previous-session-id. FAILED_PRECONDITION: a newer session of the device took its place.",
  ].join("\n"),
  examples: ["refresh alice phone", "refresh alice phone --session-id 1790000000000000.socket-17"],
  async run({ operands, flags, api, terminal }) {
    const session = sessionOf(operands);
    const { heartbeatInterval } = await api.refreshSession(
      { ...session, sessionId: flags["session-id"] ?? "" },
      { timeoutMs: flags.timeout },
    );
    if (flags.json) {
      await terminal.print(
        JSON.stringify(heartbeatInterval ? { heartbeatInterval: durationJson(durationMs(heartbeatInterval)) } : {}),
      );
      return;
    }
    const next = heartbeatInterval ? `, the next heartbeat is due in ${seconds(durationMs(heartbeatInterval))}` : "";
    await terminal.print(
      `${terminal.dot(true)} ${printable(session.userId)} on ${printable(session.deviceId)} is refreshed${next}`,
    );
  },
});
