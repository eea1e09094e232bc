import type { History } from "../history/history.ts";
import type { LeaseCall, LeaseLife } from "../history/lease-life.ts";
import { remembered } from "../history/remembered.ts";
import { isInside, merged, type Span } from "../time/spans.ts";
import { surelyUntilMs } from "./allowed-time.ts";

/** When the lease is open in every shard for sure: from each answer of all shards for a TTL after that call was sent. */
export const surelyOpen = remembered(({ calls }: LeaseLife, history): Span[] =>
  merged(
    calls
      .filter(({ what, outcome }) => what !== "close" && outcome === "ok")
      .map(({ sentMs, endedMs }) => ({
        beginMs: endedMs,
        endMs: surelyUntilMs(sentMs, history.timing.lease.ttlMs, history),
      })),
  ),
);

/** Until when the lease is open for sure, if it was while that call was made; else undefined. */
export function openThroughMs(
  lease: LeaseLife,
  { sentMs, endedMs }: Pick<LeaseCall, "sentMs" | "endedMs">,
  history: History,
): number | undefined {
  const call = { beginMs: sentMs, endMs: endedMs };
  return surelyOpen(lease, history).find((open) => isInside(call, [open]))?.endMs;
}

/** When its process said good-bye: its sessions, also those of which it had stopped to speak, go after the grace. */
export function goodByeMs({ calls }: LeaseLife): number {
  return Math.min(...calls.filter(({ what }) => what === "close").map(({ sentMs }) => sentMs));
}

/** When its process has said good-bye, and that was confirmed. */
export function surelyClosed({ calls }: LeaseLife): Span[] {
  return calls
    .filter(({ what, outcome }) => what === "close" && outcome === "ok")
    .map(({ endedMs }) => ({ beginMs: endedMs, endMs: Number.POSITIVE_INFINITY }));
}
