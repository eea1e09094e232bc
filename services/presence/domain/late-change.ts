/**
 * When a registration, an end, a heartbeat that needs the record or an OpenLease is carried out too late to count. It may have
 * lain in a network, or before a store that stood still, while its caller was told UNAVAILABLE and the device came back
 * elsewhere: then it would supersede a newer connection, or keep somebody online who is gone (P2, P7). The memory store is
 * never late.
 */

/**
 * A moment by both clocks of a shard: the wall clock does not stand still with the store, and the shard clock, ms, is never
 * stepped back.
 */
export interface TwoClocks {
  readonly nowUs: number;
  readonly clockMs: number;
}

/**
 * @param asked when the node asked, as it reckons it; not before the true moment, so that what is carried out in time counts
 * @param timeoutMs for how long the node waits for an answer
 * @returns until when the change counts
 */
export function countsUntil({ nowUs, clockMs }: TwoClocks, timeoutMs: number): TwoClocks {
  return { nowUs: nowUs + timeoutMs * 1_000, clockMs: clockMs + timeoutMs };
}

/** Whether a change that is carried out now changes nothing. */
export function isTooLate(until: TwoClocks, now: TwoClocks): boolean {
  return now.nowUs > until.nowUs || now.clockMs > until.clockMs;
}
