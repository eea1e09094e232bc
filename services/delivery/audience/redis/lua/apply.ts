import { integer, list, type Reply, text } from "@realchat/presence-redis";
import { defineScript } from "./define-script.ts";

export const apply = defineScript({
  file: "apply.lua",
  keys: ["mark", "positions"],
  args: ["generation", "prefix", "source", "after", "offset", "at", "facts"],
  returns: decode,
});

export interface Applied {
  readonly kind: "merged" | "known" | "rewound";
  readonly storedOffset: number | undefined;
  readonly relations: number;
  readonly unreadable: readonly string[];
}

function decode(reply: Reply): Applied {
  const [kind, stored, relations, unreadable] = list(reply);
  const offset = integer(stored);
  return {
    kind: text(kind) as Applied["kind"],
    storedOffset: offset < 0 ? undefined : offset,
    relations: integer(relations),
    unreadable: list(unreadable).map(text),
  };
}
