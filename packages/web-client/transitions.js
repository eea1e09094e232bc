/** @import { ConnectionState } from "./types.d.ts" */

/**
 * The states of a client, and what leads from one to another. What is not here changes nothing: an answer that comes too late,
 * a second `close`.
 *
 *              connect               opened
 *     closed ───────────► connecting ──────► open
 *       ▲                  │      ▲           │
 *       │             lost │      │ again     │ lost
 *       │                  ▼      │           │
 *       └───── end ────── waiting ◄───────────┘
 *                         (and from connecting and open)
 *
 * `end` is for good: `close`, `logout`, a refusal that would be the same the next time (44xx), something sent that was wrong
 * (1007 to 1009), a token or an address of which no socket can be made. `lost` is everything else. `again` is the end of the wait, or `wake`.
 * @type {{ [Kind in ConnectionState["kind"]]: { [event: string]: ConnectionState["kind"] } }}
 */
export const transitions = {
  closed: { connect: "connecting" },
  connecting: { opened: "open", lost: "waiting", end: "closed" },
  open: { lost: "waiting", end: "closed" },
  waiting: { again: "connecting", end: "closed" },
};
