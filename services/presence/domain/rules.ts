/** The settings that decisions follow. */
export interface Rules {
  /** Time to live of a session without heartbeat, ms of shard clock. */
  readonly ttlMs: number;
  /** Time to live of a gateway's lease without heartbeat, ms of shard clock. */
  readonly leaseTtlMs: number;
  /** Time to live of a session under a lease that nobody verifies, ms of shard clock. */
  readonly leasedTtlMs: number;
  /** How long a lost connection's user stays online, ms of shard clock; 0 for no grace. */
  readonly graceMs: number;
  /** For how long ended sessions are remembered and unclear ones contested, ms of shard clock. */
  readonly memoryMs: number;
  /** Most tombstones of a device. */
  readonly deviceMaxTombstones: number;
  /** Most devices in a record. */
  readonly userMaxDevices: number;
  /** Claims of one user; as many cleared ones are remembered. */
  readonly userMaxClaims: number;
  /** Claims of one user that are set within a minute. */
  readonly minuteMaxClaims: number;
  /** Blocks that a shard holds before it takes no call more that may add some. */
  readonly shardMaxBlocks: number;
  /** Least age of a registration that counts, and most that orders may be ahead of their clock for that, ms. */
  readonly ageMinMs: number;
}

export const defaultRules: Rules = {
  ttlMs: 60_000,
  leaseTtlMs: 15_000,
  leasedTtlMs: 900_000,
  graceMs: 5_000,
  memoryMs: 120_000,
  deviceMaxTombstones: 8,
  userMaxDevices: 100,
  userMaxClaims: 8,
  minuteMaxClaims: 10,
  shardMaxBlocks: 10_000,
  ageMinMs: 1_000,
};
