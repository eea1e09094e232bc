import { integer } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

export const restate = defineScript({
  file: "restating/restate.lua",
  keys: ["meta", "log"],
  args: ["begin", "fence", "recordPrefix", "live"],
  rest: "records",
  returns: integer,
});
