/**
 * The life of a call on this side:
 *
 *              request complete                room to answer
 *   receiving ──────────────────► complete ───────────────────► running ───────► answered
 *       │                                                          ▲                ▲
 *       ├── the handler reads the request as a stream ─────────────┘                │
 *       ├── the request is broken ──────────────────────────────────────────────────┘
 *       │
 *       └── (and from every state but answered) reset, deadline, connection lost ──────────► cut off
 *
 * receiving, complete: no handler has been called. running: one is at work.
 * answered: the status was given to the stream; a handler may go on, nobody hears of it.
 * cut off: nobody waits for the answer any more; a handler that still runs is told so by its signal.
 */
export type CallState = "receiving" | "complete" | "running" | "answered" | "cut off";

/** Whether the status is settled: what still comes is not looked at, what is still given is not sent. */
export function isOver(state: CallState): boolean {
  return state === "answered" || state === "cut off";
}
