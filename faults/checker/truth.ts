import type { History } from "../history/history.ts";
import type { LeaseLife } from "../history/lease-life.ts";
import { remembered } from "../history/remembered.ts";
import { hasGrace, isLeased, type SessionCall, type SessionEnd, type SessionLife } from "../history/session-life.ts";
import { afterCounted, merged, type Span, without } from "../time/spans.ts";
import { recoveries, surelyUntilMs } from "./allowed-time.ts";
import { goodByeMs, openThroughMs } from "./lease-truth.ts";

/** P2's second, which the delivery of a change gets, too. */
export const boundMs = 1_000;
/** A call that was held reaches the store this long after the hold ends, at the latest. */
const lateMs = 1_000;

/**
 * When a session of the user lives for sure: from each confirmed registration and heartbeat for a TTL, unless its own
 * gateway says that the socket closed; under a lease, as long as that is open, too.
 */
export const surelyOnline = remembered((userId: string, history): Span[] => {
  const lives = history.lives.filter((life) => life.userId === userId);
  return merged(
    lives.flatMap((life) => {
      const ofDevice = lives.filter(({ deviceId }) => deviceId === life.deviceId);
      return confirmedSpans(life, ofDevice, history);
    }),
  );
});

function confirmedSpans(life: SessionLife, ofDevice: readonly SessionLife[], history: History): Span[] {
  // A late end is of a session that was replaced: it must end nobody (P7).
  const ends = ofDevice.flatMap(({ end }) => (end?.isLate === false ? [end] : []));
  return life.calls
    .filter((call) => isConfirmed(life, call))
    .map((call) => {
      const limits = [
        confirmedUntilMs(call, history),
        ...ends.filter(({ sentMs }) => sentMs >= call.sentMs).map((end) => goesMs(end, history)),
        ...(call.lease === undefined ? [] : replacedMs(life, call, ofDevice)),
      ];
      return { beginMs: call.endedMs, endMs: Math.min(...limits) };
    });
}

function isConfirmed({ kind }: SessionLife, { what, outcome }: SessionCall): boolean {
  if (what === "unregister") return false;
  // A legacy gateway looks at no answer: presence itself has to bring back what it holds (P8).
  return outcome === "ok" || (kind === "legacy" && what === "refresh" && outcome === "missing");
}

/** Until when the session lives for sure that such a call confirmed, unless it is ended or replaced. */
export function confirmedUntilMs(call: SessionCall, history: History): number {
  const { ttlMs, graceMs, lease } = history.timing;
  if (call.lease === undefined) return surelyUntilMs(call.sentMs, ttlMs, history);
  const openMs = openThroughMs(call.lease, call, history) ?? Number.NEGATIVE_INFINITY;
  const graceEndsMs = surelyUntilMs(goodByeMs(call.lease), graceMs, history);
  return Math.min(surelyUntilMs(call.sentMs, lease.sessionTtlMs, history), openMs, graceEndsMs);
}

function goesMs(end: SessionEnd, history: History): number {
  return hasGrace(end) ? surelyUntilMs(end.sentMs, history.timing.graceMs, history) : end.sentMs;
}

/** Its successor may live shorter than a session under a lease would have. */
function replacedMs(life: SessionLife, { sentMs }: SessionCall, ofDevice: readonly SessionLife[]): number[] {
  return ofDevice
    .filter((rival) => rival !== life)
    .flatMap(({ calls }) => calls)
    .filter(({ what, endedMs }) => what === "register" && endedMs > sentMs)
    .map((register) => (register.outcome === "ok" ? register.endedMs : register.sentMs));
}

/**
 * When no session of the user may live any more and every reader must have heard of it: P2's bound after the last call
 * that can have kept one alive.
 * @param uncounted time that the reader's bound does not count
 */
export function surelyOffline(userId: string, history: History, uncounted: readonly Span[]): Span[] {
  const possible = history.lives
    .filter((life) => life.userId === userId && life.calls.length > 0)
    .map((life) => possiblyOnline(life, history, uncounted));
  const whole = { beginMs: history.beganMs, endMs: history.endedMs };
  return without(whole, merged([...possible, ...revivals(history, uncounted)]));
}

/** When whoever has left may be back, by an older copy of the store. */
function revivals({ faults, timing }: History, uncounted: readonly Span[]): Span[] {
  return faults
    .filter(({ allowance }) => allowance.revives)
    .map(({ beganMs, healedMs }) => ({
      beginMs: beganMs,
      endMs: afterCounted(healedMs, boundMs + timing.slackMs, uncounted),
    }));
}

/** From its first call until no reader may take it for online any more. @param life of at least one call */
export function possiblyOnline(life: SessionLife, history: History, uncounted: readonly Span[]): Span {
  return {
    beginMs: Math.min(...life.calls.map(({ sentMs }) => sentMs)),
    endMs: sessionGoneMs(life, history, uncounted),
  };
}

function sessionGoneMs(life: SessionLife, history: History, uncounted: readonly Span[]): number {
  const { kind, calls, end, releasedMs } = life;
  const { timing } = history;
  const afterMs = (fromMs: number, ttlMs: number) => {
    const dueMs = afterCounted(fromMs, ttlMs, uncounted);
    const goneMs = (ms: number) => afterCounted(ms, boundMs + timing.slackMs, uncounted);
    const recovery = recoveries(uncounted, history).find(
      ({ beginMs, endMs }) => beginMs < goneMs(dueMs) && dueMs < endMs,
    );
    return goneMs(recovery?.endMs ?? dueMs);
  };
  const alive = calls.filter(({ what, outcome }) => what !== "unregister" && outcome !== "superseded");
  const lastMs = Math.max(...alive.map((call) => carriedOutMs(call, history)));
  const leases = [...new Set(alive.flatMap(({ lease }) => (lease === undefined ? [] : [lease])))];
  const isEnded = kind === "token" && end?.confirmedMs !== undefined && !end.isLate && lastMs <= end.sentMs;
  if (isEnded) return afterMs(end.confirmedMs as number, hasGrace(end) ? timing.graceMs : 0);
  const whenReleased = (ms: number) => (releasedMs === undefined ? Number.POSITIVE_INFINITY : ms);
  // A session of a legacy caller may be contested: then it lives to its deadline, whatever its gateway says.
  const ownMs = whenReleased(afterMs(lastMs, isLeased(life) ? timing.lease.sessionTtlMs : timing.ttlMs));
  // One that was under none at first goes with its lease, or as one without.
  const deadlinesMs = [
    ...leases.map((lease) => afterMs(keptMs(lease, history), timing.lease.ttlMs)),
    ...alive
      .filter(({ lease }) => lease === undefined)
      .map((call) => whenReleased(afterMs(carriedOutMs(call, history), timing.ttlMs))),
  ];
  return Math.min(ownMs, Math.max(...deadlinesMs));
}

/** When its process can have kept the lease last. */
function keptMs({ calls, releasedMs }: LeaseLife, history: History): number {
  if (releasedMs === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(...calls.filter(({ what }) => what !== "close").map((call) => carriedOutMs(call, history)));
}

/** When a call can have reached the store, at the latest. */
function carriedOutMs(
  { sentMs, endedMs, outcome }: Pick<SessionCall, "sentMs" | "endedMs"> & { readonly outcome: string },
  { faults }: History,
): number {
  if (outcome !== "unknown") return endedMs;
  const holds = faults.filter(
    ({ allowance, beganMs, healedMs }) => allowance.holdsCalls && beganMs <= endedMs && healedMs >= sentMs,
  );
  return Math.max(endedMs, ...holds.map(({ healedMs }) => healedMs + lateMs));
}

/** The times at which a reader of changes must believe that the user is online. @param online merged */
export function afterDelivery(online: readonly Span[], history: History, uncounted: readonly Span[]): Span[] {
  return online
    .map(({ beginMs, endMs }) => ({
      beginMs: afterCounted(beginMs, boundMs + history.timing.slackMs, uncounted),
      endMs,
    }))
    .filter(({ beginMs, endMs }) => beginMs < endMs);
}
