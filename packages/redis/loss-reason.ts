import { codeBehind, isServerRefusal, serverRefusals } from "./redis-error.ts";

/**
 * Why a connection that was ready is no more: what the server replied, it was closed, it fell silent, the server to use
 * is another one, or the data are not ours.
 */
export type LossReason = (typeof lossReasons)[number];

export const lossReasons = [...serverRefusals, "closed", "silent", "moved", "data"] as const;

/** @param error for which a connection is given up */
export function lossReasonOf(error: unknown): LossReason {
  return isServerRefusal(error) ? (codeBehind(error) as LossReason) : "data";
}
