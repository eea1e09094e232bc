import { text } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const maySee = defineScript({
  file: "may-see.lua",
  keys: ["mark"],
  args: ["generation", "prefix", "viewer", "users"],
  returns: text,
});
