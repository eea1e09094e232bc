import type { UnregisterResult } from "../../store.ts";
import { defineScript, type Reply } from "../define-script.ts";
import { text } from "./replies.ts";

export const unregister = defineScript({
  file: "unregister.lua",
  keys: ["record", "deadlines", "log", "meta", "live"],
  args: ["user", "device", "session", "reason"],
  returns: (reply: Reply): UnregisterResult => ({ kind: text(reply) as UnregisterResult["kind"] }),
});
