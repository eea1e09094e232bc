import type { History } from "../history/history.ts";
import { isLeased, type SessionCall, type SessionLife } from "../history/session-life.ts";
import { lengthOf, merged, without } from "../time/spans.ts";
import { mayHaveLost } from "./allowed-time.ts";
import { confirmedUntilMs } from "./truth.ts";
import type { Violation } from "./violation.ts";

/** Judges what gateways were answered about their own sessions (P1, P7, P8). */
export function checkSessions(history: History): Violation[] {
  const byDevice = Map.groupBy(history.lives, ({ userId, deviceId }) => `${userId}/${deviceId}`);
  return [...byDevice.values()].flatMap((ofDevice) =>
    ofDevice.flatMap((life) => {
      const rivals = ofDevice.filter((other) => other !== life);
      return [
        ...(life.kind === "token" ? lostSessions(life, rivals, history) : lostLegacySessions(life, rivals)),
        ...refreshedThoughReplaced(life, rivals, history),
        ...refusedForNobody(life, rivals),
        ...forgottenAtRest(life, history),
      ];
    }),
  );
}

/** P1: a session that was confirmed less than a TTL ago is there, unless its device was registered or ended elsewhere. */
function lostSessions(life: SessionLife, rivals: readonly SessionLife[], history: History): Violation[] {
  return life.calls.flatMap((call) => {
    if (call.what !== "refresh" || call.outcome !== "missing") return [];
    const last = life.calls.findLast(
      ({ what, outcome, endedMs }) => what !== "unregister" && outcome === "ok" && endedMs <= call.sentMs,
    );
    if (last === undefined || life.end !== undefined) return [];
    const span = { beginMs: last.sentMs, endMs: call.endedMs };
    if (
      call.endedMs >= confirmedUntilMs(last, history) ||
      mayHaveLost(history, span) ||
      rivals.some((rival) => acted(rival))
    )
      return [];
    return [
      violation(
        "P1",
        life,
        call,
        `was answered that it is gone ${ms(call.endedMs - last.sentMs)} after its last heartbeat`,
      ),
    ];
  });
}

/** P8: presence itself brings back what a legacy gateway holds; it says NOT_FOUND only of what was ended. */
function lostLegacySessions(life: SessionLife, rivals: readonly SessionLife[]): Violation[] {
  const first = life.calls.find(({ what, outcome }) => what === "register" && outcome === "ok");
  return life.calls.flatMap((call) => {
    if (call.what !== "refresh" || call.outcome !== "missing" || first === undefined) return [];
    const wasEnded = [life, ...rivals].some(({ end }) => end !== undefined && end.sentMs <= call.endedMs);
    if (wasEnded || call.sentMs < first.endedMs) return [];
    return [violation("P8", life, call, "is held by a legacy gateway, and its heartbeat was answered NOT_FOUND")];
  });
}

/** P7: once another connection of the device is registered, the one before cannot refresh. */
function refreshedThoughReplaced(life: SessionLife, rivals: readonly SessionLife[], history: History): Violation[] {
  if (life.kind !== "token") return [];
  const registeredMs = firstOkMs(life);
  return rivals.flatMap((rival) => {
    const replacedMs = firstOkMs(rival);
    if (replacedMs === undefined || registeredMs === undefined || replacedMs <= registeredMs) return [];
    return life.calls
      .filter(({ what, outcome, sentMs }) => what === "refresh" && outcome === "ok" && sentMs > replacedMs)
      .filter(({ endedMs }) => !mayHaveLost(history, { beginMs: registeredMs, endMs: endedMs }))
      .filter(
        ({ sentMs }) =>
          !life.calls.some(
            (again) => again.what === "register" && again.sentMs > registeredMs && again.sentMs < sentMs,
          ),
      )
      .map((call) => violation("P7", life, call, `was refreshed though ${rival.id} has the device`));
  });
}

/** P7: only a newer connection of the device, or the session's own end, makes presence refuse it. */
function refusedForNobody(life: SessionLife, rivals: readonly SessionLife[]): Violation[] {
  if (life.kind !== "token") return [];
  const refusals = life.calls.filter(({ what, outcome }) => what !== "unregister" && outcome === "superseded");
  return refusals
    .filter(({ endedMs }) => life.end === undefined || life.end.sentMs > endedMs)
    .filter(({ endedMs }) => !rivals.some(({ calls }) => calls.some(({ sentMs }) => sentMs <= endedMs)))
    .map((call) => violation("P7", life, call, "was refused as replaced, and no other connection has its device"));
}

/** P6: when all is well again, presence confirms what a gateway holds. */
function forgottenAtRest(life: SessionLife, { endedMs, timing, failure, stalls }: History): Violation[] {
  const { calls, releasedMs = Number.POSITIVE_INFINITY } = life;
  const [first] = calls;
  const ttlMs = isLeased(life) ? timing.lease.sessionTtlMs : timing.ttlMs;
  if (failure !== undefined || first === undefined || releasedMs < endedMs || first.sentMs > endedMs - ttlMs) return [];
  const confirmed = calls.findLast(({ outcome, endedMs: answeredMs }) => outcome === "ok" && answeredMs <= endedMs);
  const silent = { beginMs: confirmed?.sentMs ?? first.sentMs, endMs: endedMs };
  const silentMs = lengthOf(without(silent, merged(stalls)));
  if (silentMs <= ttlMs) return [];
  const what = `is held, and nothing of it was confirmed from then on for the ${ms(silentMs)} that count`;
  return [violation("P6", life, confirmed ?? first, what)];
}

function firstOkMs({ calls }: SessionLife): number | undefined {
  return calls.find(({ what, outcome }) => what === "register" && outcome === "ok")?.endedMs;
}

function acted({ calls }: SessionLife): boolean {
  return calls.length > 0;
}

function violation(promise: string, { userId, id }: SessionLife, { endedMs }: SessionCall, what: string): Violation {
  return { promise, userId, atMs: endedMs, what: `session ${id} of ${userId} ${what}`, wrongMs: 0 };
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
