import { integer, list, type Reply, text } from "@realchat/presence-redis";
import type { RegisterResult } from "../../store.ts";
import { defineScript } from "./define-script.ts";

export const register = defineScript({
  file: "register.lua",
  keys: ["record", "deadlines", "log", "meta", "live"],
  args: ["user", "device", "instance", "connection", "previousOrder"],
  returns: (reply: Reply): RegisterResult => {
    const [kind, sessionId, version] = list(reply);
    if (sessionId === undefined) return { kind: kind as "ended" | "superseded" | "too-many-devices" };
    return { kind: kind as "registered" | "repeated", sessionId: text(sessionId), version: integer(version) };
  },
});
