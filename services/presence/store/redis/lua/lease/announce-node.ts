import { integer } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

export const announceNode = defineScript({
  file: "lease/announce-node.lua",
  keys: ["nodes"],
  args: ["node", "ttlMs"],
  returns: integer,
});
