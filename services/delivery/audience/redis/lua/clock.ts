import { integer } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const clock = defineScript({
  file: "clock.lua",
  keys: ["mark"],
  args: ["shown"],
  returns: integer,
});
