/** @import { Clock } from "./types.d.ts" */

/** The browser's time and chance. @type {Clock} */
export const browserClock = {
  now: Date.now,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
