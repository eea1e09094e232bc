import { type OrderReading, readOrderClock, tickOrderClock } from "../../../services/presence/domain/order-clock.ts";
import {
  type BeginReason,
  beginOf,
  recoveringUntilMs,
  type Witness,
  whyBegin,
} from "../../../services/presence/domain/recovery.ts";
import { readShardClock, type ShardClock, tickShardClock } from "../../../services/presence/domain/shard-clock.ts";
import type { Tick } from "../../../services/presence/store/store.ts";
import { extendIfThere, isOfLease } from "./deadline-scripts.ts";
import { expire } from "./expiry.ts";
import type { ServerShard } from "./server-shard.ts";
import type { ShardData } from "./shard-data.ts";
import { endClaims } from "./status-scripts.ts";

/** Which process answers, as INFO says it. */
interface ServerIdentity {
  readonly runId: string;
  readonly replicationId: string;
}

export interface TickArgs {
  readonly limit: number;
  readonly reckonedMs: number;
  readonly reckonedUs: number;
  readonly witness: Witness;
  readonly fresh: string;
  readonly advance: "never" | "unless-missing" | "always";
  readonly kept: readonly { readonly member: string; readonly reckonedMs: number | undefined }[];
}

export interface TickReply extends OrderReading {
  readonly tick: Tick;
  /** Leases that are lost or closed. */
  readonly hidden: readonly string[];
  readonly incarnation: string;
  readonly begun: BeginReason | undefined;
  readonly dataSince: number;
  readonly isAdvanced: boolean;
  readonly missing: readonly number[];
}

/** @param onBegin hears that the shard begins anew, and why, before it writes so */
export function tick(
  shard: ServerShard,
  server: ServerIdentity,
  args: TickArgs,
  onBegin: (shard: number, reason: BeginReason) => void,
): TickReply {
  const { data, rules, nowMs, capMs } = shard;
  const begun = beginIfUnproven(shard, server, args, onBegin);
  if (begun === "empty") data.dataSince = data.begin;
  data.orders = tickOrderClock(data.orders, {
    nowUs: shard.machine.nowUs(),
    reckonedUs: args.reckonedUs,
    begunUs: begun === undefined ? 0 : data.begin,
    toleranceUs: rules.ageMinMs * 1_000,
  });
  const clock = data.clock as ShardClock;
  const missing = extendKept(shard, args.kept, readShardClock(clock, nowMs, capMs));
  const isAdvanced =
    args.advance === "always" || (args.advance === "unless-missing" && missing.length === 0) || begun !== undefined;
  if (isAdvanced && begun === undefined) data.clock = tickShardClock(clock, nowMs, capMs);
  const moment = shard.moment();
  const recoveringMs = Math.max(0, recoveringUntilMs(moment, rules) - moment.clockMs);
  shard.blocks.forgetOver(moment.clockMs);
  const mayEnd = isAdvanced && recoveringMs === 0;
  const taken = mayEnd ? expire(shard, moment, args.limit) : 0;
  const expired = taken + (mayEnd ? endClaims(shard, args.limit - taken) : 0);
  const { incarnation } = data.origin as NonNullable<ShardData["origin"]>;
  const { dataSince, orders } = data;
  const { nowUs, clockMs } = moment;
  return {
    tick: tickOf(data, clockMs, expired, recoveringMs),
    hidden: [...data.leases].filter(([, { lease }]) => lease.state !== "open").map(([id]) => id),
    ...{ incarnation, begun, dataSince, isAdvanced, missing },
    ...{ nowUs, aheadUs: orders.aheadUs, orderUs: readOrderClock(orders, nowUs) },
  };
}

function tickOf(data: ShardData, clockMs: number, expired: number, recoveringMs: number): Tick {
  return {
    ...{ clockMs, expired, recoveringMs, failed: 0, lagMs: 0, usersOnline: 0 },
    lastVersion: data.lastVersion,
    sessions: data.deadlines.size + data.leased.size,
    leased: data.leased.size,
    leases: data.leases.size,
    blocks: data.blocks.size,
    claimed: data.claimTurns.size,
    logLength: data.log.length,
    begin: data.begin,
    isRestated: data.restated >= data.begin,
  };
}

function beginIfUnproven(
  shard: ServerShard,
  server: ServerIdentity,
  { witness, reckonedMs, fresh }: TickArgs,
  onBegin: (shard: number, reason: BeginReason) => void,
): BeginReason | undefined {
  const { data, machine, nowMs, capMs } = shard;
  const { origin, begin, lastVersion } = data;
  const reason = whyBegin(
    data.clock === undefined ? undefined : origin === undefined ? "unproven" : { ...origin, lastVersion },
    server,
    witness,
  );
  if (reason === undefined) return undefined;
  onBegin(shard.number, reason);
  const clockMs = data.clock === undefined ? 0 : readShardClock(data.clock, nowMs, capMs);
  data.begin = beginOf({ nowUs: machine.nowUs(), lastVersion, seenVersion: witness.version, begin });
  data.clock = { clockMs: Math.max(clockMs, reckonedMs) + 1, tickedAtMs: nowMs };
  data.beginClockMs = data.clock.clockMs;
  data.origin = { ...server, incarnation: fresh, born: data.begin };
  data.fence = data.begin;
  data.holder = undefined;
  shard.write({ mark: "begin", shard: shard.number, version: data.begin });
  return reason;
}

/** @returns places of those that are not there */
function extendKept({ data, rules }: ServerShard, kept: TickArgs["kept"], clockMs: number): number[] {
  return kept.flatMap(({ member, reckonedMs }, index) => {
    const itsTtlMs = isOfLease(member) ? rules.leaseTtlMs : rules.ttlMs;
    const atMs = Math.min(reckonedMs ?? clockMs, clockMs) + itsTtlMs;
    return extendIfThere(data, { member, atMs }) === undefined ? [index] : [];
  });
}
