import type { Clock } from "@realchat/presence-runtime";
import type { Moment } from "../../../domain/moment.ts";
import { PresenceError } from "../../../domain/presence-error.ts";
import type { Rules } from "../../../domain/rules.ts";
import { tickCapMs } from "../../../domain/shard-clock.ts";
import { nextVersion } from "../../../domain/version.ts";
import { TransitionRing } from "../log/transition-ring.ts";
import { RecordTable } from "../records/record-table.ts";
import { ClaimTable } from "../status/claim-table.ts";
import { BlockTable } from "./block-table.ts";
import { LeaseTable } from "./lease-table.ts";
import { ShardClocks } from "./shard-clocks.ts";

export interface ShardOptions {
  readonly rules: Rules;
  /** For how long an offline user's record is kept, ms of wall clock; at least `rules.memoryMs`. */
  readonly retentionMs: number;
  /** Transitions that the log holds at most; the oldest go. */
  readonly logMaxEntries: number;
  /** Sessions held at most, live, in grace or remembered; default 2,000,000. */
  readonly maxSessions?: number;
}

/** The only shard. */
export const shard = 0;

/** What the only shard holds. */
export class ShardState {
  readonly rules: Rules;
  readonly retentionMs: number;
  readonly logMaxEntries: number;
  readonly clocks: ShardClocks;
  readonly records: RecordTable;
  readonly log: TransitionRing;
  readonly leases: LeaseTable;
  readonly blocks = new BlockTable();
  readonly claims = new ClaimTable();
  /** Where the log ran over, and up to where that was repaired. */
  begin = 0;
  restated = 0;

  constructor({ rules, retentionMs, logMaxEntries, maxSessions = 2_000_000 }: ShardOptions, clock: Clock) {
    this.rules = rules;
    this.retentionMs = Math.max(retentionMs, rules.memoryMs);
    this.logMaxEntries = logMaxEntries;
    const capMs = tickCapMs(rules.ttlMs);
    const hashSeed = Math.floor(clock.random() * 2 ** 32);
    const horizonMs = rules.ttlMs + capMs;
    this.records = new RecordTable({ maxRows: maxSessions, ttlMs: rules.ttlMs, horizonMs, hashSeed });
    this.log = new TransitionRing(logMaxEntries);
    this.leases = new LeaseTable(rules);
    this.clocks = new ShardClocks({ capMs, toleranceMs: rules.ageMinMs }, clock);
  }

  nextVersion({ nowUs }: Moment): number {
    return nextVersion(this.log.lastVersion, nowUs);
  }

  full(): PresenceError {
    const { limit } = this.records.rows;
    return new PresenceError("RESOURCE_EXHAUSTED", `the store holds ${limit} sessions, its limit: use Redis for more`);
  }
}
