import { presence } from "@realchat/presence-proto";
import { joinCells, printable } from "../layout.ts";
import type { Terminal } from "../terminal.ts";
import { timeOfDay } from "../time.ts";
import { statusText } from "./status-text.ts";

/** A user turned green or grey, or has another status: when, who, why, on which device, the version and the status. */
export function updateLine(update: presence.PresenceUpdateEvent, terminal: Terminal, nowMs: number): string {
  const online = update.status === presence.PresenceStatus.PRESENCE_STATUS_ONLINE;
  return joinCells(
    [
      terminal.faint(timeOfDay(update.occurredAt * 1_000)),
      `${terminal.dot(online)} ${printable(update.userId)}`,
      online ? "online" : "offline",
      causeOf(update.cause),
      update.deviceId === "" ? "" : `${printable(update.deviceId)} at ${printable(update.instanceId)}`,
      terminal.faint(`version ${update.version}`),
      statusText(update.userStatus, nowMs),
    ],
    [8, 18, 7, 15, 24],
  );
}

/** Such as `connection lost`. */
function causeOf(cause: presence.TransitionCause): string {
  return presence.transitionCauseToJSON(cause).replace("TRANSITION_CAUSE_", "").replaceAll("_", " ").toLowerCase();
}
