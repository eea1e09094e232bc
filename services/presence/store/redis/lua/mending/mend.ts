import { integer } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

export const mend = defineScript({
  file: "mending/mend.lua",
  keys: ["deadlines", "meta"],
  args: ["recordPrefix"],
  rest: "users",
  returns: integer,
});
