const units = [
  { name: "d", ms: 86_400_000 },
  { name: "h", ms: 3_600_000 },
  { name: "min", ms: 60_000 },
];

/**
 * `2 min ago`, `just now` within the first minute.
 * @param {number} thenMs @param {number} nowMs wall clock, ms
 */
export function ago(thenMs, nowMs) {
  const elapsedMs = nowMs - thenMs;
  for (const { name, ms } of units) {
    if (elapsedMs >= ms) return `${Math.floor(elapsedMs / ms)} ${name} ago`;
  }
  return "just now";
}

/** `09:12:44` where the reader lives. @param {number} ms */
export function clockTime(ms) {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

/** `6 ms`, `5.2 s`. @param {number} ms */
export function span(ms) {
  if (ms < 1) return "<1 ms";
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
