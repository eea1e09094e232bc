import { integer } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

export const refreshWhenOutOfMemory = defineScript({
  file: "deadline/refresh-when-out-of-memory.lua",
  keys: ["deadlines"],
  args: ["members"],
  returns: integer,
});
