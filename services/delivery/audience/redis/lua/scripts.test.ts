import { test } from "node:test";
import { assertTwinsIn } from "@realchat/presence-redis/testing";
import { apply } from "./apply.ts";
import { clock } from "./clock.ts";
import { contactsAmong } from "./contacts-among.ts";
import { maySee } from "./may-see.ts";
import { state } from "./state.ts";
import { visibleTo } from "./visible-to.ts";

test("every script and its typed twin name the same keys and arguments, in the same order", () => {
  assertTwinsIn(new URL("./", import.meta.url), [apply, clock, contactsAmong, maySee, state, visibleTo]);
});
