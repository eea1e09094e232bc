import type { presence } from "@realchat/presence-proto";
import { printable } from "../layout.ts";
import type { Terminal } from "../terminal.ts";
import { ago, millisOf } from "../time.ts";
import { statusText } from "./status-text.ts";

/**
 * Cells that show a user: dot and id, state, where or since when, version, and the status if there is one.
 * @param answer.recovering what the message says that the user is in: then nothing is known of who is offline in it
 */
export function userCells(
  user: presence.UserPresence,
  { recovering }: { readonly recovering: boolean },
  terminal: Terminal,
  nowMs: number,
): string[] {
  if (user.unknown) return [`? ${printable(user.userId)}`, "unknown", "its record in the store cannot be read", ""];
  if (recovering && !user.online)
    return [`? ${printable(user.userId)}`, "unknown", "the store recovers from a loss", ""];
  return [
    `${terminal.dot(user.online)} ${printable(user.userId)}`,
    user.online ? "online" : "offline",
    user.online ? devicesOf(user) : lastSeenOf(user, nowMs),
    terminal.faint(`version ${user.version}`),
    statusText(user.status, nowMs),
  ];
}

function devicesOf({ deviceIds }: presence.UserPresence): string {
  return deviceIds.length === 0 ? "(reconnecting)" : `on ${deviceIds.map(printable).join(", ")}`;
}

function lastSeenOf({ lastSeenAt }: presence.UserPresence, nowMs: number): string {
  return lastSeenAt === undefined ? "" : `last seen ${ago(millisOf(lastSeenAt), nowMs)}`;
}
