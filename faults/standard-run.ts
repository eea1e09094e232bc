import type { Timing } from "./history/history.ts";

/** Short, so that minutes hold many lives. */
export const standardTiming: Timing = {
  ...{ ttlMs: 6_000, heartbeatMs: 2_000, graceMs: 2_000, slackMs: 1_000 },
  // A lease's heartbeats may be 7 s less than its TTL apart; sessions live for three intervals of verifying.
  lease: { ttlMs: 8_000, heartbeatMs: 1_000, verifyMs: 4_000, sessionTtlMs: 12_000 },
};
