import { test } from "node:test";
import { assertTwinsIn } from "@realchat/presence-redis/testing";
import { hide } from "./hide.ts";
import { policiesOf } from "./policies-of.ts";
import { show } from "./show.ts";

test("every script and its typed twin name the same keys and arguments, in the same order", () => {
  assertTwinsIn(new URL("./", import.meta.url), [hide, policiesOf, show]);
});
