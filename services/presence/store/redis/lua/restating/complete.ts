import { integer } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

export const complete = defineScript({
  file: "restating/complete.lua",
  keys: ["meta", "log"],
  args: ["begin", "fence", "live", "recordPrefix"],
  returns: integer,
});
