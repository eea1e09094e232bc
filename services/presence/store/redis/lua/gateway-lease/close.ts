import { integer } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

export const close = defineScript({
  file: "gateway-lease/close.lua",
  keys: ["meta", "deadlines", "leases"],
  args: ["lease", "graceMs"],
  returns: integer,
});
