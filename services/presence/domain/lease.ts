import type { DisconnectReason } from "./transition.ts";

/**
 * A lease in one shard: the promise of one gateway process to be alive, one deadline for all sessions that it registered
 * under it. Pure; tick.lua and the scripts of lua/gateway-lease/ say the same.
 *
 *     absent ──open──► open ──deadline passes, at a tick──► lost ──all its sessions are down──► absent
 *                      │  ▲                                 │ │
 *                      │  └──────────────open───────────────┘ │
 *                      └──────────────────close───────────────┴──► closed ──likewise──► absent
 *
 * Of a lost or closed lease every tick takes down some sessions, from its deadline on; readers are not shown them.
 */
export interface Lease {
  readonly state: LeaseState;
  /** Shard clock, ms. Open: when it falls due. Lost: when it did. Closed: from when on its sessions go. */
  readonly deadlineMs: number;
}

export type LeaseState = "open" | "lost" | "closed";

/** A lease that a call names, as the shard knows it. */
export interface LeaseOfCall {
  readonly id: string;
  /** undefined: it is not there. */
  readonly state: LeaseState | undefined;
  /** The gateway that opened it. */
  readonly instanceId: string;
}

/** See Rules. */
interface LeaseRules {
  readonly leaseTtlMs: number;
  readonly graceMs: number;
}

/** @returns undefined for a closed one: its process said good-bye */
export function openLease(lease: Lease | undefined, clockMs: number, { leaseTtlMs }: LeaseRules): Lease | undefined {
  if (lease?.state === "closed") return undefined;
  const before = lease?.state === "open" ? lease.deadlineMs : 0;
  return { state: "open", deadlineMs: Math.max(before, clockMs + leaseTtlMs) };
}

/** @returns undefined unless it is open */
export function keepLease(lease: Lease | undefined, clockMs: number, rules: LeaseRules): Lease | undefined {
  return lease?.state === "open" ? openLease(lease, clockMs, rules) : undefined;
}

/** A drained process' clients have the grace to come back elsewhere. A lost lease's sessions go at once, as they did. */
export function closeLease(
  lease: Lease | undefined,
  reason: DisconnectReason,
  clockMs: number,
  { graceMs }: LeaseRules,
): Lease | undefined {
  switch (lease?.state) {
    case "open":
      return { state: "closed", deadlineMs: clockMs + (reason === "SERVER_DRAIN" ? graceMs : 0) };
    case "lost":
      return { state: "closed", deadlineMs: lease.deadlineMs };
    default:
      return lease;
  }
}

/** Of an open lease whose deadline passed. */
export function loseLease({ deadlineMs }: Lease): Lease {
  return { state: "lost", deadlineMs };
}

/** Open leases whose sessions one tick looks through at most, for those that nobody verified. */
export const looksPerTick = 2;

/** What gateways are told of their leases, ms. */
export interface LeasePace {
  readonly ttlMs: number;
  readonly heartbeatIntervalMs: number;
  readonly verifyIntervalMs: number;
  /** Of a session under a lease that nobody verifies. */
  readonly sessionTtlMs: number;
}

export const defaultLeasePace: LeasePace = {
  ttlMs: 15_000,
  heartbeatIntervalMs: 5_000,
  verifyIntervalMs: 300_000,
  sessionTtlMs: 900_000,
};

/** Least time between a gateway's heartbeats and the end of its lease, ms: a retry, the cap of the clock, and a second. */
export const leaseMarginMs = 7_000;

/** Sums the shards' begins, which are below 2^53, as a number below 2^53: it changes when one of them does. */
export function sumOfBegins(begins: readonly number[]): number {
  const modulus = Number.MAX_SAFE_INTEGER;
  return begins.reduce((sum, begin) => (sum >= modulus - begin ? sum - (modulus - begin) : sum + begin), 0);
}
