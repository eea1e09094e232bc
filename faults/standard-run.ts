import type { Timing } from "./history/history.ts";

/** Short, so that minutes hold many lives. */
export const standardTiming: Timing = { ttlMs: 6_000, heartbeatMs: 2_000, graceMs: 2_000, slackMs: 1_000 };
