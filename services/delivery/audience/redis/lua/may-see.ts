import { list, text } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const maySee = defineScript({
  file: "may-see.lua",
  keys: ["mark"],
  args: ["generation", "prefix", "viewer", "users"],
  returns(reply) {
    const [marks, unreadable] = list(reply);
    return { marks: text(marks), unreadable: list(unreadable).map(text) };
  },
});
