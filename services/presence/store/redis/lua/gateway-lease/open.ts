import { text } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

export const open = defineScript({
  file: "gateway-lease/open.lua",
  keys: ["meta", "deadlines", "leases", "holders"],
  args: ["lease", "instance", "schema", "untilUs", "untilMs"],
  returns: text,
});
