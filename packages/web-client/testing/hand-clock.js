import { browserClock } from "../clock.js";

/** A clock that only a test moves, in browsers too. */
export function handClock() {
  let nowMs = 1_790_000_000_000;
  /** @type {Set<{ atMs: number, run: () => void }>} */
  const timers = new Set();
  return {
    now: () => nowMs,
    random: () => 0.5,
    timers: () => timers.size,
    /** @param {number} delayMs @param {() => void} run */
    after(delayMs, run) {
      const timer = { atMs: nowMs + delayMs, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(/** @type {number} */ byMs) {
      const endMs = nowMs + byMs;
      for (;;) {
        await turn();
        const next = [...timers].sort((one, other) => one.atMs - other.atMs)[0];
        if (next === undefined || next.atMs > endMs) break;
        timers.delete(next);
        nowMs = next.atMs;
        next.run();
      }
      nowMs = endMs;
    },
  };
}

/** Whatever is ready to run has run. */
export const turn = () => new Promise((resolve) => browserClock.after(0, () => resolve(undefined)));
