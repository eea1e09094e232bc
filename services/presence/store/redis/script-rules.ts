import { idleMinMs } from "../../domain/activity.ts";
import { closedMemoryMs } from "../../domain/block.ts";
import { claimMaxMs, minuteMs } from "../../domain/claims.ts";
import { invariant } from "../../domain/invariant.ts";
import { looksPerTick } from "../../domain/lease.ts";
import { beginLeadUs } from "../../domain/recovery.ts";
import type { Rules } from "../../domain/rules.ts";
import { leastTimedOrder } from "../../domain/session.ts";
import { tickCapMs } from "../../domain/shard-clock.ts";
import { leasedSchemaVersion, statusSchemaVersion } from "./health/store-mark.ts";
import { hiddenLeasesMax } from "./shard/shard-state.ts";

/**
 * What the scripts know of the configuration. It is part of their text, as `RULES.name`, for it is the same in every
 * call: a script that reads it from its arguments takes a tenth longer. Text stands for numbers that are only handed on
 * to a command: Redis prints a Lua number with 17 digits first.
 */
export type ScriptRules = Readonly<
  Record<
    | "ttl_ms"
    | "lease_ttl_ms"
    | "leased_ttl_ms"
    | "grace_ms"
    | "memory_ms"
    | "clock_cap_ms"
    | "max_tombstones"
    | "max_devices"
    | "age_min_us"
    | "begin_lead_us"
    | "least_timed_order"
    | "max_blocks"
    | "closed_memory_ms"
    | "idle_min_ms"
    | "max_claims"
    | "minute_max_claims"
    | "minute_ms"
    | "claim_max_ms",
    number
  > &
    Record<
      | "retention_ms"
      | "log_max_entries"
      | "looks_per_tick"
      | "hidden_leases_max"
      | "leased_schema"
      | "status_schema"
      | "blocks_per_tick",
      string
    >
>;

/** @param logMaxEntries of one shard */
export function scriptRules(rules: Rules, retentionMs: number, logMaxEntries: number): ScriptRules {
  return {
    ttl_ms: rules.ttlMs,
    lease_ttl_ms: rules.leaseTtlMs,
    leased_ttl_ms: rules.leasedTtlMs,
    grace_ms: rules.graceMs,
    memory_ms: rules.memoryMs,
    clock_cap_ms: tickCapMs(rules.ttlMs),
    max_tombstones: rules.deviceMaxTombstones,
    max_devices: rules.userMaxDevices,
    age_min_us: rules.ageMinMs * 1_000,
    begin_lead_us: beginLeadUs,
    least_timed_order: leastTimedOrder,
    max_blocks: rules.shardMaxBlocks,
    closed_memory_ms: closedMemoryMs(rules),
    idle_min_ms: idleMinMs,
    max_claims: rules.userMaxClaims,
    minute_max_claims: rules.minuteMaxClaims,
    minute_ms: minuteMs,
    claim_max_ms: claimMaxMs,
    retention_ms: String(retentionMs),
    log_max_entries: String(logMaxEntries),
    looks_per_tick: String(looksPerTick),
    hidden_leases_max: String(hiddenLeasesMax),
    leased_schema: String(leasedSchemaVersion),
    status_schema: String(statusSchemaVersion),
    blocks_per_tick: "100",
  };
}

/** Writes the rules into a script. */
export function writeRules(source: string, rules: ScriptRules): string {
  return source.replaceAll(/\bRULES\.(\w+)/g, (_, name: string) => {
    const value = rules[name as keyof ScriptRules];
    invariant(value !== undefined, `a script asks for RULES.${name}, which is no rule`);
    return typeof value === "string" ? `'${value}'` : String(value);
  });
}
