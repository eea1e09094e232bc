import { integer, list, type Reply } from "@realchat/presence-redis";
import type { Tick } from "../../store.ts";
import { defineScript } from "./define-script.ts";

export const tick = defineScript({
  file: "tick.lua",
  keys: ["meta", "deadlines", "log", "live"],
  args: ["limit", "reckonedMs", "recordPrefix"],
  returns: (reply: Reply): Tick => {
    const [clockMs, expired, lagMs, lastVersion, logLength, sessions, usersOnline, failed] = list(reply);
    return {
      clockMs: integer(clockMs),
      expired: integer(expired),
      lagMs: integer(lagMs),
      lastVersion: integer(lastVersion),
      logLength: integer(logLength),
      sessions: integer(sessions),
      usersOnline: integer(usersOnline),
      failed: integer(failed),
    };
  },
});
