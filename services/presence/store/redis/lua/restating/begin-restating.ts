import { integer, type Reply } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

export const beginRestating = defineScript({
  file: "restating/begin-restating.lua",
  keys: ["meta", "log"],
  args: ["fence", "live"],
  returns: (reply: Reply): number | undefined => (reply === null ? undefined : integer(reply)),
});
