import type { TruthClock } from "./truth-clock.ts";

/** A lease, as the calls of its process and their answers say; by shard, on its clock, ms. */
interface KnownLease {
  /** When presence may have heard last that it is to be kept. */
  readonly askedMs: number[];
  /** True time since when it is open in every shard for sure, ms. */
  openSinceMs: number;
  readonly openUntilMs: number[];
  /** When its sessions are over at the latest, since it was closed. */
  readonly closedMs: number[];
}

const never = Number.NEGATIVE_INFINITY;
const always = Number.POSITIVE_INFINITY;

/** What is true of gateways' leases. */
export class LeaseTruth {
  readonly #ttlMs: number;
  readonly #graceMs: number;
  /** How far a clock that is read may be behind, ms. */
  readonly #slackMs: number;
  readonly #clock: TruthClock;
  readonly #leases = new Map<string, KnownLease>();
  /** True time when the store lost data last, ms. */
  #lostMs = never;

  constructor(options: {
    readonly ttlMs: number;
    readonly graceMs: number;
    readonly slackMs: number;
    readonly clock: TruthClock;
  }) {
    this.#ttlMs = options.ttlMs;
    this.#graceMs = options.graceMs;
    this.#slackMs = options.slackMs;
    this.#clock = options.clock;
  }

  /** A call that opens or keeps it is sent, read by a node, or answered: presence may have heard of it by now. */
  asked(leaseId: string): void {
    this.#set(this.#of(leaseId).askedMs, (clockMs) => clockMs);
  }

  /**
   * Each shard answered that it is open.
   * @param sentClocksMs clocks of the shards when that call was sent
   * @param sentMs true time when it was
   */
  kept(leaseId: string, sentClocksMs: readonly number[], sentMs: number): void {
    this.asked(leaseId);
    if (sentMs < this.#lostMs) return;
    const lease = this.#of(leaseId);
    const { openUntilMs } = lease;
    const clocksMs = this.#clock.deadlineClocksMs();
    const wasOpen = clocksMs.every((clockMs, shard) => (openUntilMs[shard] ?? never) > clockMs + this.#slackMs);
    if (!wasOpen) lease.openSinceMs = this.#clock.nowMs();
    for (const [shard, sentClockMs] of sentClocksMs.entries()) {
      openUntilMs[shard] = Math.max(openUntilMs[shard] ?? never, sentClockMs + this.#ttlMs);
    }
  }

  /** It is not open in some shard, or its process is about to close it. */
  doubted(leaseId: string): void {
    this.#set(this.#of(leaseId).openUntilMs, () => never);
  }

  /** Presence answered that it is closed, with a grace for its users. @param sentMs true time when that call was sent */
  closed(leaseId: string, sentMs: number): void {
    if (sentMs < this.#lostMs) return;
    this.#set(this.#of(leaseId).closedMs, (clockMs) => clockMs + this.#graceMs);
  }

  /** The store lost data. */
  lost(): void {
    this.#lostMs = this.#clock.nowMs();
    for (const { openUntilMs, closedMs } of this.#leases.values()) {
      this.#set(openUntilMs, () => never);
      this.#set(closedMs, () => always);
    }
  }

  /** Clock of the shard when sessions under it are over at the latest, if it is not kept any more. */
  overMs(leaseId: string, shard: number): number {
    const { askedMs, closedMs } = this.#of(leaseId);
    return Math.min((askedMs[shard] ?? never) + this.#ttlMs, closedMs[shard] ?? always);
  }

  /** Clock of the shard until which it is open for sure, if it was since then, true time; else never. */
  openUntilMs(leaseId: string, shard: number, sinceMs: number): number {
    const { openSinceMs, openUntilMs } = this.#of(leaseId);
    return openSinceMs <= sinceMs ? (openUntilMs[shard] ?? never) : never;
  }

  #set(byShard: number[], value: (clockMs: number) => number): void {
    for (const [shard, clockMs] of this.#clock.deadlineClocksMs().entries()) byShard[shard] = value(clockMs);
  }

  #of(leaseId: string): KnownLease {
    let lease = this.#leases.get(leaseId);
    if (lease === undefined) {
      lease = { askedMs: [], openSinceMs: always, openUntilMs: [], closedMs: [] };
      this.#leases.set(leaseId, lease);
    }
    return lease;
  }
}
