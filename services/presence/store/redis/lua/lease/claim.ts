import { integer, list, type Reply, text } from "@realchat/presence-redis";
import type { PublisherLease } from "../../../store.ts";
import { defineScript } from "../define-script.ts";

export const claim = defineScript({
  file: "lease/claim.lua",
  keys: ["publisher", "meta"],
  args: ["node", "leaseMs"],
  returns: (reply: Reply): PublisherLease | undefined => {
    if (reply === null) return undefined;
    const [fence, begin, ...flat] = list(reply);
    const cursors: Record<string, number> = {};
    for (let index = 0; index < flat.length; index += 2) cursors[text(flat[index])] = integer(flat[index + 1]);
    return { fence: integer(fence), begin: integer(begin), cursors };
  },
});
