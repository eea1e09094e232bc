/**
 * The least and the most events in any window of a second that begins between `fromMs` and `toMs - 1000`.
 * @param times ms, ascending
 */
export function ratePerSecond(times: readonly number[], fromMs: number, toMs: number): { least: number; most: number } {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (let startMs = fromMs; startMs + 1_000 <= toMs; startMs += 10) {
    const count = times.filter((atMs) => atMs >= startMs && atMs < startMs + 1_000).length;
    least = Math.min(least, count);
    most = Math.max(most, count);
  }
  return { least, most };
}
