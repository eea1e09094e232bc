import { list, type Reply } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

/**
 * A change to sessions, or to what is claimed of a user, and what it takes: see register.lua, unregister.lua, close.lua,
 * heartbeat.lua, status/claim.lua. Of a claim no device is named.
 */
export type Change = readonly [
  kind: "register" | "verify" | "unregister" | "close" | "heartbeat" | "claim" | "unclaim",
  userId: string,
  deviceId: string,
  ...what: readonly [string, string, string, string],
  /** Absent: nobody traces it. */
  traceparent?: string,
];

export const change = defineScript({
  file: "change/change.lua",
  keys: ["deadlines", "log", "meta"],
  args: ["live", "untilUs", "untilMs", "traceparents"],
  rest: "changes",
  returns: (reply: Reply): readonly Reply[] => list(reply),
});
