/** @import { Self, StatusFrame } from "./types.d.ts" */

// How long presence keeps what was said without an end.
const LONGEST_MS = 30 * 86_400_000;
// What others see of it.
const NAMED = /** @type {const} */ (["availability", "text", "emoji"]);

/** What the user last said here of oneself, set or cleared. @typedef {{ frame: StatusFrame, saidMs: number, isHeard: boolean }} Said */

/**
 * @param {Said} said
 * @param {Self} self what a gateway shows, after a reconnect
 * @param {number} nowMs wall clock
 * @returns {StatusFrame | undefined} what to say again, with its age: whatever was said later, elsewhere, stands
 */
export function lostOf({ frame, saidMs, isHeard }, self, nowMs) {
  const { until = saidMs + LONGEST_MS } = frame;
  if (until <= nowMs || (isHeard && isShownBy(self, frame))) return undefined;
  return { ...frame, until, age: Math.max(0, nowMs - saidMs) };
}

/** @param {Self} self @param {StatusFrame} frame */
function isShownBy({ availability = "available", status }, frame) {
  const shown = { ...status, availability };
  return NAMED.every((name) => !frame[name] || frame[name] === shown[name]);
}
