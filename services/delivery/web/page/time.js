const units = [
  { name: "d", ms: 86_400_000 },
  { name: "h", ms: 3_600_000 },
  { name: "min", ms: 60_000 },
];

/** `12 min`; undefined within the first minute. @param {number} ms */
export function duration(ms) {
  const unit = units.find((one) => ms >= one.ms);
  return unit && `${Math.floor(ms / unit.ms)} ${unit.name}`;
}

/**
 * `2 min ago`, `just now` within the first minute.
 * @param {number} thenMs @param {number} nowMs wall clock, ms
 */
export function ago(thenMs, nowMs) {
  const elapsed = duration(nowMs - thenMs);
  return elapsed === undefined ? "just now" : `${elapsed} ago`;
}

/**
 * `15:00` today, else `3 Dec, 15:00`, where the reader lives.
 * @param {number} ms @param {number} nowMs wall clock, ms
 */
export function moment(ms, nowMs) {
  const then = new Date(ms);
  const time = then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  if (then.toDateString() === new Date(nowMs).toDateString()) return time;
  return `${then.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time}`;
}

/** The last second of the day. @param {number} ms */
export function endOfDay(ms) {
  return new Date(ms).setHours(23, 59, 59, 0);
}

/** As an input of type datetime-local takes it: `2026-12-03T15:00`. @param {number} ms */
export function inputMoment(ms) {
  const offsetMs = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offsetMs).toISOString().slice(0, 16);
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
