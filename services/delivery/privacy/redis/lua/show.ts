import { integer } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const show = defineScript({
  file: "show.lua",
  keys: ["mark", "policies", "hidden"],
  args: ["generation", "user", "since"],
  returns: integer,
});
