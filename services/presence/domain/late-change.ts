/**
 * When a registration, an end or a heartbeat that needs the record is carried out too late to count. It may have lain in a
 * network, or before a store that stood still, while its caller was told UNAVAILABLE and the device came back elsewhere: then
 * it would supersede a newer connection, or keep somebody online who is gone (P2, P7). The memory store is never late.
 */

/**
 * @param askedUs wall clock of the store when the node asked, as it reckons it; not before the true one, so that what is
 *   carried out in time counts
 * @param timeoutMs for how long the node waits for an answer
 * @returns wall clock of the store, µs, until which the change counts
 */
export function countsUntilUs(askedUs: number, timeoutMs: number): number {
  return askedUs + timeoutMs * 1_000;
}

/** Whether a change that is carried out now changes nothing. */
export function isTooLate(untilUs: number, { nowUs }: { readonly nowUs: number }): boolean {
  return nowUs > untilUs;
}
