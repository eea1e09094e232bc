import { duration } from "./units.ts";

/** Of both services, which are told to stop in the same way. */
export const drainDelay = {
  DRAIN_DELAY: {
    kind: duration({ min: 0, max: 300_000 }),
    default: "0s",
    meaning: "how long a shutdown goes on serving, not ready any more, before it drains: until nobody is sent here",
  },
} as const;
