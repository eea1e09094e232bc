import { integer, list, type Reply, text } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const policiesOf = defineScript({
  file: "policies-of.lua",
  keys: ["mark", "policies", "hidden", "begins"],
  args: ["generation", "users"],
  returns: decode,
});

function decode(reply: Reply) {
  const [nowUs, arePoliciesReadable, areStatesReadable, ...rest] = list(reply);
  const users = Array.from({ length: rest.length / 3 }, (_, index) => ({
    policy: textOrNone(rest[3 * index]),
    state: textOrNone(rest[3 * index + 1]),
    begin: integer(rest[3 * index + 2]),
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
