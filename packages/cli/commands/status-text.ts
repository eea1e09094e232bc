import { presence } from "@realchat/presence-proto";
import { printable } from "../layout.ts";
import { endOf, lasting, millisOf } from "../time.ts";

const words: Readonly<Record<number, string>> = {
  [presence.Availability.AVAILABILITY_AVAILABLE]: "available",
  [presence.Availability.AVAILABILITY_AWAY]: "away",
  [presence.Availability.AVAILABILITY_BUSY]: "busy",
  [presence.Availability.AVAILABILITY_DO_NOT_DISTURB]: "do not disturb",
};

/** What somebody says, or what follows from it, such as `busy, 🔍 review, until 15:30, idle for 12 min`; empty: nothing. */
export function statusText(status: presence.UserStatus | presence.StatusClaim | undefined, nowMs: number): string {
  if (status === undefined) return "";
  const { availability, text, emoji } = status;
  const end = "until" in status ? status.until : "expiresAt" in status ? status.expiresAt : undefined;
  const idleSince = "idleSince" in status ? status.idleSince : undefined;
  const parts = [
    words[availability] ?? "",
    [emoji, text]
      .filter((part) => part !== "")
      .map(printable)
      .join(" "),
    end === undefined ? "" : `until ${endOf(millisOf(end), nowMs)}`,
    idleSince === undefined ? "" : `idle for ${lasting(nowMs - millisOf(idleSince))}`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}
