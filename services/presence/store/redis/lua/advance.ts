import { defineScript } from "../define-script.ts";
import { integer } from "./replies.ts";

export const advance = defineScript({
  file: "advance.lua",
  keys: ["meta", "log"],
  args: ["fence", "keepMs", "cursors"],
  returns: integer,
});
