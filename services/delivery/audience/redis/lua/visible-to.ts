import { list, text } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const visibleTo = defineScript({
  file: "visible-to.lua",
  keys: ["mark"],
  args: ["generation", "prefix", "viewer", "limit"],
  returns(reply) {
    const [more, unreadable, ...users] = list(reply);
    return { users: users.map(text), more: more === 1, unreadable: list(unreadable).map(text) };
  },
});
