import { integer, list, type Reply } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

export const recount = defineScript({
  file: "mending/recount.lua",
  keys: ["meta", "log"],
  args: ["version", "counted", "seen"],
  returns: (reply: Reply): { isNow: boolean; difference: number; isCorrected: boolean } => {
    const [isNow, difference, isCorrected] = list(reply).map(integer);
    return { isNow: isNow === 1, difference: difference as number, isCorrected: isCorrected === 1 };
  },
});
