import { presence } from "@realchat/presence-proto";
import { oneOf, text } from "@realchat/presence-runtime/settings";

/** Any id. What the server's limits are, the server says. */
export const identifier = { ...text({ maxBytes: 4_096 }), placeholder: "id" };

export const instance = {
  kind: identifier,
  default: "presence-cli",
  meaning: "the gateway that holds the socket",
} as const;

export const sessionId = {
  kind: identifier,
  meaning: "the session_id that register gave; without it as callers do that know no sessions",
} as const;

const { DisconnectReason } = presence;

const reasons = {
  "none-given": DisconnectReason.DISCONNECT_REASON_UNSPECIFIED,
  "logged-out": DisconnectReason.DISCONNECT_REASON_LOGGED_OUT,
  "connection-lost": DisconnectReason.DISCONNECT_REASON_CONNECTION_LOST,
  "server-drain": DisconnectReason.DISCONNECT_REASON_SERVER_DRAIN,
} as const;

type Reason = keyof typeof reasons;

const words = Object.keys(reasons) as Reason[];

/** Why a session ends, by a short word. */
export function reason(fallback: Reason) {
  return {
    kind: oneOf(words),
    default: fallback,
    meaning: `${words.join(", ")}; the last two leave the user online for a grace period`,
  };
}

export function disconnectReasonOf(reason: Reason): presence.DisconnectReason {
  return reasons[reason];
}
