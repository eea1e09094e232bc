import { integer, list, type Reply, text } from "@realchat/presence-redis";
import type { OrderReading } from "../../../../domain/order-clock.ts";
import type { BeginReason } from "../../../../domain/recovery.ts";
import type { Tick } from "../../../store.ts";
import { defineScript } from "../define-script.ts";

/** A due member that could not be taken down. */
interface FailedExpiry {
  readonly userId: string;
  /** Error reply. */
  readonly reply: string;
}

/** `nowUs`: of the server. */
interface TickReply extends OrderReading {
  readonly tick: Tick;
  readonly failures: readonly FailedExpiry[];
  readonly incarnation: string;
  /** Why the shard began anew just now; empty if it did not. */
  readonly begun: BeginReason | "";
  /** Whether the clock was moved on, and what was due taken down. */
  readonly isAdvanced: boolean;
  /** Indexes of the heartbeats that found no deadline. */
  readonly missing: readonly number[];
  /** Leases that are lost or closed. */
  readonly hidden: readonly string[];
  /** See ShardKeeping.dataSince. */
  readonly dataSince: number;
}

export const tick = defineScript({
  file: "tick/tick.lua",
  keys: ["meta", "deadlines", "log"],
  args: [
    ...(["limit", "reckonedMs", "reckonedUs", "recordPrefix", "live", "schema", "shards"] as const),
    ...(["incarnation", "tickedVersion", "seenVersion", "fresh", "advance", "publisher"] as const),
  ],
  rest: "kept",
  returns: (reply: Reply): TickReply => {
    const [clockMs, expired, lagMs, lastVersion, logLength, sessions, usersOnline, ...rest] = list(reply);
    const [begin, recoveringMs, restated, incarnation, begun, failed, isAdvanced, missing, nowUs, ...ofLeases] = rest;
    const [leased, leases, hidden, blocks, claimed, aheadUs, orderUs, dataSince] = ofLeases;
    const failures = failuresIn(list(failed).map(text));
    const tick: Tick = {
      clockMs: integer(clockMs),
      expired: integer(expired),
      lagMs: integer(lagMs),
      lastVersion: integer(lastVersion),
      logLength: integer(logLength),
      sessions: integer(sessions),
      usersOnline: integer(usersOnline),
      leased: integer(leased),
      leases: integer(leases),
      blocks: integer(blocks),
      claimed: integer(claimed),
      failed: failures.length,
      begin: integer(begin),
      recoveringMs: integer(recoveringMs),
      isRestated: integer(restated) >= integer(begin),
    };
    return {
      tick,
      failures,
      incarnation: text(incarnation),
      begun: text(begun) as BeginReason | "",
      isAdvanced: integer(isAdvanced) === 1,
      missing: list(missing).map(integer),
      nowUs: integer(nowUs),
      aheadUs: integer(aheadUs),
      orderUs: integer(orderUs),
      hidden: list(hidden).map(text),
      dataSince: integer(dataSince),
    };
  },
});

function failuresIn(flat: readonly string[]): FailedExpiry[] {
  const failures: FailedExpiry[] = [];
  for (let index = 0; index < flat.length; index += 2) {
    failures.push({ userId: flat[index] as string, reply: flat[index + 1] as string });
  }
  return failures;
}
