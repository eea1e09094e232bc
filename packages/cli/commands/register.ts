import { durationMs } from "@realchat/presence-proto";
import { defineCommand } from "../command.ts";
import { printable } from "../layout.ts";
import { durationJson, seconds } from "../time.ts";
import { identifier, instance } from "./session-flags.ts";
import { sessionOf, sessionOperands } from "./session-operands.ts";

export const register = defineCommand({
  name: "register",
  summary: "a device connects: its user is online",
  operands: sessionOperands,
  flags: {
    instance,
    "connection-id": {
      kind: identifier,
      meaning: "unique name of the socket: makes the call safe to repeat, and fences the session",
    },
    "previous-session-id": { kind: identifier, meaning: "the session that went missing, when it comes back" },
  },
  details: [
    "Registers a session, once. It lives for one TTL unless it is refreshed, so the user goes",
    'offline soon; "presence hold" keeps it alive.',
  ].join("\n"),
  examples: ["register alice phone", "register alice phone --instance gw-1 --connection-id socket-17"],
  async run({ operands, flags, api, terminal }) {
    const session = sessionOf(operands);
    const answer = await api.registerSession(
      {
        ...session,
        instanceId: flags.instance,
        connectionId: flags["connection-id"] ?? "",
        previousSessionId: flags["previous-session-id"] ?? "",
      },
      { timeoutMs: flags.timeout },
    );
    const { sessionId, version, ttl, heartbeatInterval } = answer;
    if (flags.json) {
      await terminal.print(
        JSON.stringify({
          sessionId,
          ...(ttl && { ttl: durationJson(durationMs(ttl)) }),
          ...(heartbeatInterval && { heartbeatInterval: durationJson(durationMs(heartbeatInterval)) }),
          version,
        }),
      );
      return;
    }
    const { userId, deviceId } = session;
    await terminal.print(
      `${terminal.dot(true)} ${printable(userId)} is online on ${printable(deviceId)} at ${printable(flags.instance)}`,
    );
    await terminal.print(`  session_id  ${printable(sessionId)}`);
    await terminal.print(`  version     ${version}`);
    if (ttl && heartbeatInterval) {
      await terminal.print(
        `  lives for   ${seconds(durationMs(ttl))}, refresh it every ${seconds(durationMs(heartbeatInterval))}`,
      );
    }
  },
});
