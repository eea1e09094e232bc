import { defineCommand } from "../command.ts";
import { printable } from "../layout.ts";
import type { PresenceApi } from "../presence-api.ts";
import { disconnectReasonOf, reason, sessionId } from "./session-flags.ts";
import { sessionOf, sessionOperands } from "./session-operands.ts";

export const unregister = defineCommand({
  name: "unregister",
  summary: "a device disconnects: with the last one its user is offline",
  operands: sessionOperands,
  flags: { "session-id": sessionId, reason: reason("none-given") },
  details: [
    "Ends a session, and looks before and after it what became of it: unregistered, absent (it was",
    "not there), or kept: the session is another one, or one with a connection_id, which only its",
    "--session-id ends. All three succeed.",
  ].join("\n"),
  examples: ["unregister alice phone", "unregister alice phone --reason connection-lost"],
  async run({ operands, flags, api, terminal }) {
    const session = sessionOf(operands);
    const options = { timeoutMs: flags.timeout };
    const wasThere = await isThere(api, session, options);
    await api.unregisterSession(
      { ...session, sessionId: flags["session-id"] ?? "", reason: disconnectReasonOf(flags.reason) },
      options,
    );
    // Of no meaning when somebody else is at it at the same moment; the answer itself says nothing.
    const outcome = !wasThere ? "absent" : (await isThere(api, session, options)) ? "kept" : "unregistered";
    if (flags.json) return terminal.print(JSON.stringify({ outcome }));
    const who = `${printable(session.userId)} on ${printable(session.deviceId)}`;
    await terminal.print(lines[outcome](who, flags.reason, terminal.dot));
  },
});

type Outcome = "absent" | "kept" | "unregistered";

const lines: Record<Outcome, (who: string, reason: string, dot: (online: boolean) => string) => string> = {
  absent: (who, _, dot) => `${dot(false)} ${who} had no live session to end`,
  unregistered: (who, reason, dot) =>
    `${dot(false)} ${who} is unregistered${waits.has(reason) ? "; it has the grace period to be back" : ""}`,
  kept: (who, _, dot) =>
    `${dot(true)} ${who} is still online: its session is another one, so nothing changed. The --session-id that register gave ends it`,
};

/** Reasons that leave the device some time to be back. */
const waits = new Set(["connection-lost", "server-drain"]);

/** Devices in their grace period are not listed. */
async function isThere(
  api: PresenceApi,
  { userId, deviceId }: { userId: string; deviceId: string },
  options: { timeoutMs: number },
): Promise<boolean> {
  const { devices } = await api.getUserDevices({ userId }, options);
  return devices.some((device) => device.deviceId === deviceId);
}
