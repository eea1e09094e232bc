import { integer } from "@realchat/presence-redis";
import { defineScript } from "../define-script.ts";

export const release = defineScript({
  file: "lease/release.lua",
  keys: ["publisher"],
  args: ["node"],
  returns: integer,
});
