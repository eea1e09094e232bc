import { integer } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

export const advance = defineScript({
  file: "lease/advance.lua",
  keys: ["meta", "log"],
  args: ["fence", "keepMs", "cursors"],
  returns: integer,
});
