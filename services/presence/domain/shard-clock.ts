/**
 * The clock that deadlines are measured in. It ticks only while presence is able to listen: an outage of the store, of
 * all nodes, a frozen machine or a stepped wall clock does not count (P6).
 */
export interface ShardClock {
  /** Reading at the last tick, integer ms. */
  readonly clockMs: number;
  /** Wall clock at the last tick, integer ms since 1970. */
  readonly tickedAtMs: number;
}

/** The most that one tick may advance the clock, ms. */
export function tickCapMs(ttlMs: number): number {
  return Math.min(1_000, Math.floor(ttlMs / 4));
}

/** What the clock reads at wall time `nowMs`, without ticking. */
export function readShardClock(clock: ShardClock, nowMs: number, capMs: number): number {
  return clock.clockMs + Math.min(Math.max(0, nowMs - clock.tickedAtMs), capMs);
}

/** The clock after a tick at wall time `nowMs`. */
export function tickShardClock(clock: ShardClock, nowMs: number, capMs: number): ShardClock {
  return { clockMs: readShardClock(clock, nowMs, capMs), tickedAtMs: nowMs };
}
