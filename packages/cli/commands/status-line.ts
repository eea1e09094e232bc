import { presence } from "@realchat/presence-proto";
import { printable } from "../layout.ts";
import type { Terminal } from "../terminal.ts";
import { statusText } from "./status-text.ts";

/** What people see of a user: dot, id, and the status in words. */
export function statusLine(
  userId: string,
  status: presence.UserStatus | undefined,
  terminal: Terminal,
  nowMs: number,
): string {
  const online = (status?.availability ?? 0) !== presence.Availability.AVAILABILITY_UNSPECIFIED;
  const words = [...(online ? [] : ["offline"]), statusText(status, nowMs)].filter((part) => part !== "");
  return `${terminal.dot(online)} ${printable(userId)} is ${words.join(", ")}`;
}
