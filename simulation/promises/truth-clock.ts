/** The last tick of a shard that moved its clock. */
export interface ShardTick {
  /** What it left the clock at, ms. */
  readonly clockMs: number;
  /** True time when that was, ms. */
  readonly atMs: number;
  /** How often the store's wall clock had been stepped forward by then. */
  readonly steps: number;
}

/** What the truth is measured by. */
export interface TruthClock {
  /** True time since the run began, ms. */
  nowMs(): number;
  /** The store's wall clock, ms since 1970. */
  wallMs(): number;
  /**
   * The clock on which the user's deadlines are counted, ms. It stands still while no node ticks; one that cannot be
   * read exactly must not be ahead.
   */
  deadlineClockMs(userId: string): number;
  /** The same of each shard. */
  deadlineClocksMs(): readonly number[];
  shardOf(userId: string): number;
  shardTick(shard: number): ShardTick;
  /** Until then, on that clock, presence takes nobody down, since it recovers from a loss, ms. */
  recoveringUntilMs(userId: string): number;
}
