import { list, type Reply, text } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

export const dropOrphans = defineScript({
  file: "mending/drop-orphans.lua",
  keys: ["deadlines", "meta"],
  args: ["recordPrefix", "lease"],
  rest: "members",
  returns: (reply: Reply): readonly string[] => list(reply).map(text),
});
