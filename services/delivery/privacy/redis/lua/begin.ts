import { integer } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const begin = defineScript({
  file: "begin.lua",
  keys: ["mark", "begins"],
  args: ["generation", "shard", "version"],
  returns: integer,
});
