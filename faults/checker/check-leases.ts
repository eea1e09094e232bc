import type { History } from "../history/history.ts";
import type { LeaseLife } from "../history/lease-life.ts";
import { lengthOf, merged, without } from "../time/spans.ts";
import { mayHaveLost } from "./allowed-time.ts";
import { goodByeMs, openThroughMs } from "./lease-truth.ts";
import type { Violation } from "./violation.ts";

/** Judges what gateways were answered about their own leases (P1, P6). */
export function checkLeases(history: History): Violation[] {
  return leasesOf(history).flatMap((lease) => [
    ...lostLeases(lease, history),
    ...closedByNobody(lease),
    ...unkeptAtRest(lease, history),
  ]);
}

function leasesOf({ lives }: History): LeaseLife[] {
  return [...new Set(lives.flatMap(({ calls }) => calls).flatMap(({ lease }) => (lease === undefined ? [] : [lease])))];
}

/** P1: a lease that was kept less than a TTL ago is open in every shard. */
function lostLeases(lease: LeaseLife, history: History): Violation[] {
  return lease.calls.flatMap((call) => {
    const span = { beginMs: call.sentMs - history.timing.lease.ttlMs, endMs: call.endedMs };
    const isOpen = call.what === "keep" && openThroughMs(lease, call, history) !== undefined;
    if (call.outcome !== "missing" || !isOpen || mayHaveLost(history, span)) return [];
    return [violation("P1", lease, call.endedMs, "was answered that it is lost, though it was kept in time")];
  });
}

/** P1: only its own process closes a lease. */
function closedByNobody(lease: LeaseLife): Violation[] {
  return lease.calls
    .filter(
      ({ what, code, endedMs }) => what !== "close" && code === "FAILED_PRECONDITION" && endedMs < goodByeMs(lease),
    )
    .map(({ endedMs }) => violation("P1", lease, endedMs, "was answered that it is closed, which nobody did"));
}

/** P6: when all is well again, a lease that a process keeps is confirmed by every shard. */
function unkeptAtRest(lease: LeaseLife, { endedMs, timing, failure, stalls }: History): Violation[] {
  const { calls, releasedMs = Number.POSITIVE_INFINITY } = lease;
  const firstMs = calls[0]?.sentMs ?? endedMs;
  if (failure !== undefined || releasedMs < endedMs || firstMs > endedMs - timing.lease.ttlMs) return [];
  const kept = calls.findLast(({ outcome, endedMs: answeredMs }) => outcome === "ok" && answeredMs <= endedMs);
  const silent = { beginMs: kept?.sentMs ?? firstMs, endMs: endedMs };
  const silentMs = lengthOf(without(silent, merged(stalls)));
  if (silentMs <= timing.lease.ttlMs) return [];
  const what = `is kept, and from then on was not confirmed for the ${Math.round(silentMs)} ms that count`;
  return [violation("P6", lease, silent.beginMs, what)];
}

function violation(promise: string, { id, gateway }: LeaseLife, atMs: number, what: string): Violation {
  return { promise, userId: undefined, atMs, what: `lease ${id} of ${gateway} ${what}`, wrongMs: 0 };
}
