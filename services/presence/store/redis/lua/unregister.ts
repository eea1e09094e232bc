import { type Reply, text } from "@realchat/presence-redis";
import type { UnregisterResult } from "../../store.ts";
import { defineScript } from "./define-script.ts";

export const unregister = defineScript({
  file: "unregister.lua",
  keys: ["record", "deadlines", "log", "meta", "live"],
  args: ["user", "device", "session", "reason"],
  returns: (reply: Reply): UnregisterResult => ({ kind: text(reply) as UnregisterResult["kind"] }),
});
