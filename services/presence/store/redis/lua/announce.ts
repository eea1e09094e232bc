import { integer } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const announce = defineScript({
  file: "announce.lua",
  keys: ["nodes"],
  args: ["node", "ttlMs"],
  returns: integer,
});
