import { presence } from "@realchat/presence-proto";
import { joinCells, printable } from "../layout.ts";
import type { Terminal } from "../terminal.ts";
import { timeOfDay } from "../time.ts";

/** A user turned green or grey: when, who, why, on which device, and the version. */
export function updateLine(update: presence.PresenceUpdateEvent, terminal: Terminal): string {
  const online = update.status === presence.PresenceStatus.PRESENCE_STATUS_ONLINE;
  return joinCells(
    [
      terminal.faint(timeOfDay(update.occurredAt * 1_000)),
      `${terminal.dot(online)} ${printable(update.userId)}`,
      online ? "online" : "offline",
      causeOf(update.cause),
      `${printable(update.deviceId)} at ${printable(update.instanceId)}`,
      terminal.faint(`version ${update.version}`),
    ],
    [8, 18, 7, 15, 24],
  );
}

/** Such as `connection lost`. */
function causeOf(cause: presence.TransitionCause): string {
  return presence.transitionCauseToJSON(cause).replace("TRANSITION_CAUSE_", "").replaceAll("_", " ").toLowerCase();
}
