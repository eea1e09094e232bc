import { list, text } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const contactsAmong = defineScript({
  file: "contacts-among.lua",
  keys: ["mark"],
  args: ["generation", "prefix", "user", "others"],
  returns(reply) {
    const [marks, unreadable] = list(reply);
    return { marks: text(marks), unreadable: list(unreadable).map(text) };
  },
});
