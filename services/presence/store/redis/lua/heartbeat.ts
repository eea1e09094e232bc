import { defineScript, type Reply } from "../define-script.ts";
import { list, text } from "./replies.ts";

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
