import { change } from "./change.ts";
import { defineScript } from "./define-script.ts";

export const changeWhenOutOfMemory = defineScript({
  file: "change-when-out-of-memory.lua",
  keys: change.keys,
  args: change.args,
  rest: change.rest,
  returns: change.returns,
});
