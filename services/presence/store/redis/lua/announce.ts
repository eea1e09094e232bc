import { defineScript } from "../define-script.ts";
import { integer } from "./replies.ts";

export const announce = defineScript({
  file: "announce.lua",
  keys: ["nodes"],
  args: ["node", "ttlMs"],
  returns: integer,
});
