/** Keys of one shard share a hash tag, so that a script touches one slot of a Redis Cluster. */
export interface ShardKeys {
  /** In front of a user id: STRING, all that is known of that user (see lua/record/record.lua). */
  readonly recordPrefix: string;
  /**
   * ZSET: member of a session under no lease (see sessionMember), or of a lease (see leaseMember) → deadline, ms of the shard
   * clock.
   */
  readonly deadlines: string;
  /** STREAM: one entry per transition; its id is the version. */
  readonly log: string;
  /** HASH: shard clock, users online, fencing number, cursors; a note in it keeps it a table (see lua/tick/own-keys.lua). */
  readonly meta: string;
  /** In front of a lease id: ZSET of the sessions under it, as in deadlines → each one's own deadline. */
  readonly leasePrefix: string;
  /** ZSET: lease id → shard clock, ms, when a tick looks through its sessions; 0: it is lost or closed. */
  readonly leases: string;
  /** HASH: lease id → the instance that opened it, US, when it did for the first time, ms since 1970. */
  readonly holders: string;
  /** ZSET: user of whom something is claimed → wall clock, ms, when a tick has to look at it (turnMs in domain/claims.ts). */
  readonly claims: string;
  /** STRING with expiry: the node that publishes this shard. */
  readonly publisher: string;
  /** Sharded channel that announces entries of the log. */
  readonly live: string;
  /** Sharded channel that announces users whose devices changed without a transition. */
  readonly devices: string;
  /** Sharded channel for notices to those who hold leases. */
  readonly notices: string;
  /** Sharded channel that says, before entries are announced, by what they are traced. */
  readonly traces: string;
}

/**
 * @param database number; channels know no databases, so it is in their name
 * @param keyPrefix in front of all names, without braces: it keeps apart what shares a Redis
 * @returns the keys of every shard, by its number
 */
export function shardKeys(shardCount: number, database = 0, keyPrefix = ""): readonly ShardKeys[] {
  return Array.from({ length: shardCount }, (_, shard) => {
    const prefix = `${keyPrefix}presence:{${String(shard).padStart(2, "0")}}:`;
    return {
      recordPrefix: `${prefix}u:`,
      deadlines: `${prefix}deadlines`,
      log: `${prefix}log`,
      meta: `${prefix}meta`,
      leasePrefix: `${prefix}lease:`,
      leases: `${prefix}leases`,
      holders: `${prefix}leases:holders`,
      claims: `${prefix}claims`,
      publisher: `${prefix}publisher`,
      live: `${prefix}live:${database}`,
      devices: `${prefix}live:${database}:devices`,
      notices: `${prefix}live:${database}:notices`,
      traces: `${prefix}live:${database}:traces`,
    };
  });
}

/** Keys of what belongs to no shard. */
interface StoreKeys {
  /** HASH: schema version and shard count, written at first start and checked ever after. */
  readonly store: string;
  /** ZSET: id of a presence node → Redis time, ms, until which it counts as alive. */
  readonly nodes: string;
}

/** @param keyPrefix see shardKeys */
export function storeKeys(keyPrefix = ""): StoreKeys {
  return { store: `${keyPrefix}presence:{meta}:store`, nodes: `${keyPrefix}presence:{meta}:nodes` };
}

/** What the records' keys look like, for SCAN. @param keyPrefix see shardKeys */
export function recordPattern(keyPrefix = ""): string {
  return `${keyPrefix}presence:{*}:u:*`;
}

/** The number of the shard that a key is of; NaN: of none. @param keyPrefix see shardKeys */
export function shardIn(key: string, keyPrefix = ""): number {
  return Number(/^presence:\{(\d+)\}/.exec(key.slice(keyPrefix.length))?.[1]);
}

/** Member of the deadlines for a session; ids never hold NUL. The scripts know the one for a grace, too. */
export function sessionMember(userId: string, sessionId: string): string {
  return `${userId}\0${sessionId}`;
}

/** Member of the deadlines for an open lease: that of a session of nobody. */
export function leaseMember(leaseId: string): string {
  return sessionMember("", leaseId);
}

/** Member of the deadlines for a lost lease. */
export function lostLeaseMember(leaseId: string): string {
  return `\0\0${leaseId}`;
}

/** Member of the deadlines for a closed lease. */
export function closedLeaseMember(leaseId: string): string {
  return `\0\0\0${leaseId}`;
}
