/**
 * The least and the most events in any window of a second that begins between `fromMs` and `toMs - 1000`.
 * @param times ms, ascending
 */
export function ratePerSecond(times: readonly number[], fromMs: number, toMs: number): { least: number; most: number } {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  let begin = 0;
  let end = 0;
  for (let startMs = fromMs; startMs + 1_000 <= toMs; startMs += 10) {
    while ((times[begin] ?? Number.POSITIVE_INFINITY) < startMs) begin += 1;
    while ((times[end] ?? Number.POSITIVE_INFINITY) < startMs + 1_000) end += 1;
    const count = end - begin;
    least = Math.min(least, count);
    most = Math.max(most, count);
  }
  return { least, most };
}
