import { defineScript } from "../define-script.ts";
import { change } from "./change.ts";

export const changeWhenOutOfMemory = defineScript({
  file: "change/change-when-out-of-memory.lua",
  keys: change.keys,
  args: change.args,
  rest: change.rest,
  returns: change.returns,
});
