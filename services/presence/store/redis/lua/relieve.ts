import { change } from "./change.ts";
import { defineScript } from "./define-script.ts";

export const relieve = defineScript({
  file: "relieve.lua",
  keys: change.keys,
  args: change.args,
  rest: change.rest,
  returns: change.returns,
});
