import type { History } from "../history/history.ts";
import { hasGrace, type SessionCall, type SessionEnd, type SessionLife } from "../history/session-life.ts";
import { afterCounted, merged, type Span, without } from "../time/spans.ts";
import { standstills } from "./allowed-time.ts";

/** P2's second, which the delivery of a change gets, too. */
const boundMs = 1_000;
/** A call that was held reaches the store this long after the hold ends, at the latest. */
const lateMs = 1_000;

/**
 * When a session of the user lives for sure: from each confirmed registration and heartbeat for a TTL, unless its own
 * gateway says that the socket closed. Time in which no node reached the store uses nothing up (P6).
 */
export function surelyOnline(userId: string, history: History): Span[] {
  const lives = history.lives.filter((life) => life.userId === userId);
  const still = standstills(history);
  return merged(lives.flatMap((life) => confirmedSpans(life, endsOfDevice(life, lives), history, still)));
}

function endsOfDevice({ deviceId }: SessionLife, lives: readonly SessionLife[]): SessionEnd[] {
  // A late end is of a session that was replaced: it must end nobody (P7).
  return lives.flatMap((life) => (life.deviceId === deviceId && life.end?.isLate === false ? [life.end] : []));
}

function confirmedSpans(life: SessionLife, ends: readonly SessionEnd[], history: History, still: readonly Span[]) {
  const { ttlMs, graceMs } = history.timing;
  return life.calls
    .filter((call) => isConfirmed(life, call))
    .map(({ sentMs, endedMs }) => {
      const leapMs = leapsIn({ beginMs: sentMs, endMs: sentMs + ttlMs }, history);
      let endMs = afterCounted(sentMs, ttlMs - leapMs, still);
      for (const end of ends) {
        if (end.sentMs >= sentMs) endMs = Math.min(endMs, end.sentMs + (hasGrace(end) ? graceMs : 0));
      }
      return { beginMs: endedMs, endMs };
    });
}

function isConfirmed({ kind }: SessionLife, { what, outcome }: SessionCall): boolean {
  if (what === "unregister") return false;
  // A legacy gateway looks at no answer: presence itself has to bring back what it holds (P8).
  return outcome === "ok" || (kind === "legacy" && what === "refresh" && outcome === "missing");
}

function leapsIn(span: Span, { faults }: History): number {
  return faults
    .filter(({ beganMs, healedMs }) => beganMs <= span.endMs && healedMs >= span.beginMs)
    .reduce((sum, { allowance }) => sum + (allowance.leapMs ?? 0), 0);
}

/**
 * When no session of the user may live any more and every reader must have heard of it: P2's bound after the last call
 * that can have kept one alive.
 * @param uncounted time that the reader's bound does not count
 */
export function surelyOffline(userId: string, history: History, uncounted: readonly Span[]): Span[] {
  const possible = history.lives
    .filter((life) => life.userId === userId && life.calls.length > 0)
    .map((life) => ({ beginMs: firstCallMs(life), endMs: goneMs(life, history, uncounted) }));
  return without({ beginMs: history.beganMs, endMs: history.endedMs }, merged(possible));
}

function firstCallMs({ calls }: SessionLife): number {
  return Math.min(...calls.map(({ sentMs }) => sentMs));
}

function goneMs({ kind, calls, end, releasedMs }: SessionLife, history: History, uncounted: readonly Span[]): number {
  const { ttlMs, graceMs, slackMs } = history.timing;
  if (releasedMs === undefined) return Number.POSITIVE_INFINITY;
  const alive = calls.filter(({ what }) => what !== "unregister").map((call) => carriedOutMs(call, history));
  const lastMs = Math.max(...alive);
  const isEnded = kind === "token" && end?.confirmedMs !== undefined && !end.isLate && lastMs <= end.sentMs;
  // A session of a legacy caller may be contested: then it lives to its deadline, whatever its gateway says.
  if (!isEnded) return afterCounted(lastMs, ttlMs + boundMs + slackMs, uncounted);
  const restMs = hasGrace(end) ? graceMs : 0;
  return afterCounted(end.confirmedMs as number, restMs + boundMs + slackMs, uncounted);
}

/** When a call can have reached the store, at the latest. */
function carriedOutMs({ sentMs, endedMs, outcome }: SessionCall, { faults }: History): number {
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
