import { defineScript } from "../define-script.ts";
import { integer } from "./replies.ts";

export const refresh = defineScript({
  file: "refresh.lua",
  keys: ["deadlines"],
  args: ["deadlineMs", "members"],
  returns: integer,
});
