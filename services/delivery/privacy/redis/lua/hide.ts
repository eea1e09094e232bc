import { integer, list, text } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const hide = defineScript({
  file: "hide.lua",
  keys: ["mark", "policies", "hidden"],
  args: ["generation", "user", "state"],
  returns(reply) {
    const [nowUs, state] = list(reply);
    return { nowUs: integer(nowUs), state: text(state) };
  },
});
