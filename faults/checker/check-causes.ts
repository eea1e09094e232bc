import type { History } from "../history/history.ts";
import { hasGrace, type SessionEnd, type SessionLife } from "../history/session-life.ts";
import { intersection, isInside, merged, type Span } from "../time/spans.ts";
import { mayHaveLost, recoveries, surelyUntilMs, uncountedFor } from "./allowed-time.ts";
import { goodByeMs, surelyClosed, surelyOpen } from "./lease-truth.ts";
import { possiblyOnline } from "./truth.ts";
import { momentsOf, readsByUser, versionsOf } from "./versions.ts";
import type { Violation } from "./violation.ts";

/** @param recovering when a session's end left it in grace, whatever its reason */
type MayBe = (life: SessionLife, at: Span, history: History, recovering: readonly Span[]) => boolean;

/** What must have happened to one of the user's sessions by then, or may have. */
const mayBe: Readonly<Record<string, MayBe>> = {
  INSTANCE_LOST: (life, at, history) => leasesOf(life).some((lease) => !isInside(at, openOrClosed(lease, history))),
  EXPIRED: (life, at, history) =>
    life.calls.some(({ lease }) => lease === undefined) || isUnverified(life, at, history),
  CONNECTION_LOST: (life, { endMs }, _history, recovering) =>
    (life.end !== undefined && wasInGrace(life.end, endMs, recovering)) ||
    leasesOf(life).some((lease) => goodByeMs(lease) <= endMs),
};

/** P2: a UserOffline says how its last session ended, as far as the gateways' doings tell. */
export function checkCauses(history: History): Violation[] {
  const uncounted = uncountedFor({ kind: "poll", node: undefined }, history);
  const recovering = recoveries(uncounted, history);
  const reads = readsByUser(history);
  return history.users.flatMap((userId) => {
    const momentOf = momentsOf(userId, history);
    const lives = history.lives
      .filter((life) => life.userId === userId && life.calls.length > 0)
      .map((life) => ({ life, possible: possiblyOnline(life, history, uncounted) }));
    return versionsOf(reads.get(userId) ?? []).flatMap((transition) => {
      const { online, cause, version } = transition;
      const at = momentOf(transition);
      // What a store lost may have left a session without its lease, or in grace.
      const memory = { beginMs: at.beginMs - 2 * history.timing.lease.sessionTtlMs, endMs: at.endMs };
      // A moment that ends before it begins is judged as such.
      const isNone = at.beginMs > at.endMs;
      if (online || mayBe[cause] === undefined || isNone || mayHaveLost(history, memory)) return [];
      const there = lives.filter(({ possible }) => possible.beginMs <= at.endMs && possible.endMs >= at.beginMs);
      if (there.some(({ life }) => mayBe[cause]?.(life, at, history, recovering))) return [];
      const what = `${userId} went offline with cause ${cause} (version ${version}), of which no session can have ended`;
      return [{ promise: "P2", userId, atMs: at.endMs, what, wrongMs: 0 }];
    });
  });
}

function wasInGrace(end: SessionEnd, endMs: number, recovering: readonly Span[]): boolean {
  const ending = { beginMs: end.sentMs, endMs: end.confirmedMs ?? endMs };
  return end.sentMs <= endMs && (hasGrace(end) || intersection([ending], recovering).length > 0);
}

function leasesOf({ calls }: SessionLife) {
  return calls.flatMap(({ lease }) => (lease === undefined ? [] : [lease]));
}

function openOrClosed(lease: ReturnType<typeof leasesOf>[number], history: History): Span[] {
  return merged([...surelyOpen(lease, history), ...surelyClosed(lease)]);
}

/** Whether the own deadline of a session under a lease may have passed. */
function isUnverified({ calls }: SessionLife, at: Span, history: History): boolean {
  const verified = calls.findLast(({ outcome, endedMs }) => outcome === "ok" && endedMs <= at.beginMs) ?? calls[0];
  return surelyUntilMs(verified?.sentMs ?? at.beginMs, history.timing.lease.sessionTtlMs, history) <= at.endMs;
}
