import { integer, list, type Reply, text } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const policiesOf = defineScript({
  file: "policies-of.lua",
  keys: ["mark", "policies", "hidden"],
  args: ["generation", "users"],
  returns: decode,
});

function decode(reply: Reply) {
  const [nowUs, arePoliciesReadable, areStatesReadable, ...rest] = list(reply);
  const users = Array.from({ length: rest.length / 2 }, (_, index) => ({
    policy: textOrNone(rest[2 * index]),
    state: textOrNone(rest[2 * index + 1]),
  }));
  return {
    nowUs: integer(nowUs),
    arePoliciesReadable: arePoliciesReadable === 1,
    areStatesReadable: areStatesReadable === 1,
    users,
  };
}

function textOrNone(reply: Reply | undefined): string | undefined {
  return reply === null ? undefined : text(reply);
}
