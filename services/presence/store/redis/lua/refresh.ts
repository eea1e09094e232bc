import { integer } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const refresh = defineScript({
  file: "refresh.lua",
  keys: ["deadlines"],
  args: ["deadlineMs", "members"],
  returns: integer,
});
