/**
 * When a shard begins anew, since nobody can prove that its store lost nothing; and how it recovers. Redis replicates
 * asynchronously and may come back empty, from a snapshot, or as a replica that lacks the last second. tick.lua takes
 * these decisions in Redis; the memory store never loses anything.
 */

/** Whose data a shard holds, as the store keeps it. */
export interface ShardOrigin {
  /** The process of the server that wrote last, and its replication history. */
  readonly runId: string;
  readonly replicationId: string;
  /** Random, of the data since the last begin. */
  readonly incarnation: string;
  /** Version at which that was. `begin` may be later: a log that ran over begins the shard anew, and its data stay. */
  readonly born: number;
  /** Version of the log's last entry. */
  readonly lastVersion: number;
}

/** What a node saw of the shard before. */
export interface Witness {
  /** By its last tick; empty if there was none. */
  readonly incarnation: string;
  /** The log's last version, by that tick. */
  readonly tickedVersion: number;
  /** The highest that it saw anywhere: it may be of an incarnation that another node began, and this one does not know yet. */
  readonly version: number;
}

/** Why a shard begins anew, and what that means to whoever operates it. */
export const beginReasons = {
  empty: "it is new, or its data are gone",
  unproven: "an earlier release wrote it, which did not say whose data they are",
  other_server: "another server process answers: it was restarted, or another one took its place",
  other_history: "the server was a replica in between, or has got its first one",
  other_incarnation: "its data are older than what this node saw: there was a fail-over, and one back",
  behind: "its log lacks entries that this node saw",
} as const;

export type BeginReason = keyof typeof beginReasons;

/** A begin is that far beyond all that is known, µs: for versions that only those saw who cannot be asked. */
export const beginLeadUs = 10_000_000;

/** @param origin undefined where the shard has no clock; "unproven" where it does not say */
export function whyBegin(
  origin: ShardOrigin | "unproven" | undefined,
  server: Pick<ShardOrigin, "runId" | "replicationId">,
  witness: Witness,
): BeginReason | undefined {
  if (origin === undefined) return "empty";
  if (origin === "unproven") return "unproven";
  if (origin.runId !== server.runId) return "other_server";
  if (origin.replicationId !== server.replicationId) return "other_history";
  if (witness.incarnation === origin.incarnation) return witness.version > origin.lastVersion ? "behind" : undefined;
  // One that began anew since the node's last tick is above all that it saw of its own incarnation.
  return witness.incarnation !== "" && witness.tickedVersion >= origin.born ? "other_incarnation" : undefined;
}

/** The version of the begin, above every version that anybody saw. */
export function beginOf(known: { nowUs: number; lastVersion: number; seenVersion: number; begin: number }): number {
  return Math.max(known.nowUs, known.lastVersion, known.seenVersion, known.begin) + beginLeadUs;
}

/** A moment on the shard's clock, ms, and when it began anew; undefined: it never did. */
interface SinceBegin {
  readonly clockMs: number;
  readonly beginClockMs: number | undefined;
}

/** Until when the shard recovers, ms of its clock: who lives has sent a heartbeat by then. */
export function recoveringUntilMs({ beginClockMs }: SinceBegin, { ttlMs }: { readonly ttlMs: number }): number {
  return beginClockMs === undefined ? 0 : beginClockMs + ttlMs;
}

/** Whether a late call may still mean a session that was lost. */
export function isUnproven(
  { beginClockMs, clockMs }: SinceBegin,
  { memoryMs }: { readonly memoryMs: number },
): boolean {
  return beginClockMs !== undefined && clockMs < beginClockMs + memoryMs;
}
