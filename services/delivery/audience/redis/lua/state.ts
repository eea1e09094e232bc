import { integer, list, type Reply, text } from "@realchat/presence-redis";
import type { SourcePosition } from "../../directory.ts";
import { defineScript } from "./define-script.ts";

export const state = defineScript({
  file: "state.lua",
  keys: ["mark", "positions"],
  args: ["generation", "prefix"],
  returns: decode,
});

function decode(reply: Reply) {
  const [imports, relations, policyChanges, latest, ...pairs] = list(reply);
  const positions = new Map<string, SourcePosition>();
  for (let index = 0; index < pairs.length; index += 2) {
    const [offset, at] = text(pairs[index + 1]).split(" ");
    positions.set(text(pairs[index]), { offset: integer(offset), at: integer(at) });
  }
  return {
    ...{ imports: integer(imports), relations: integer(relations), positions },
    policyChanges: { count: integer(policyChanges), latest: list(latest).map(text) },
  };
}
