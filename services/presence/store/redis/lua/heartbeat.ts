import { list, type Reply, text } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const heartbeat = defineScript({
  file: "heartbeat.lua",
  keys: ["record", "deadlines", "log", "meta", "live"],
  args: ["user", "device", "session"],
  returns: (reply: Reply): HeartbeatReply => {
    const [kind, sessionId] = list(reply);
    if (kind === "refreshed") return { kind, sessionId: text(sessionId) };
    return { kind: kind as "missing" | "superseded" };
  },
});

export type HeartbeatReply =
  | { readonly kind: "refreshed"; readonly sessionId: string }
  | { readonly kind: "missing" | "superseded" };
