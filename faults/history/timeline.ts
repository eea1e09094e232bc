import type { Violation } from "../checker/violation.ts";
import type { History } from "./history.ts";
import type { LeaseLife } from "./lease-life.ts";
import type { SessionLife } from "./session-life.ts";

/** How long before a violation its story begins, beyond the TTL, ms. */
const beforeMs = 10_000;
const afterMs = 1_000;

interface Line {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
}

/** What happened around a violation, in the order of time: what was injected, what gateways did, what readers said. */
export function timelineOf({ userId, atMs, wrongMs }: Violation, history: History): string {
  const fromMs = atMs - history.timing.ttlMs - beforeMs;
  const toMs = atMs + Math.min(wrongMs, history.timing.ttlMs) + afterMs;
  const lines = [...faultLines(history), ...callLines(userId, history), ...readerLines(userId, history)]
    .filter((line) => line.atMs >= fromMs && line.atMs <= toMs)
    .sort((left, right) => left.atMs - right.atMs);
  return lines
    .map(({ atMs: lineMs, who, what }) => `${secondsOf(lineMs, history)}  ${who.padEnd(24)} ${what}`)
    .join("\n");
}

/** Since the beginning of the run, `  12.345`. */
export function secondsOf(atMs: number, { beganMs }: Pick<History, "beganMs">): string {
  return ((atMs - beganMs) / 1_000).toFixed(3).padStart(9);
}

function faultLines({ faults, stalls }: History): Line[] {
  return [
    ...faults.flatMap(({ kind, target, beganMs, healedMs }) => [
      { atMs: beganMs, who: "FAULT", what: `${kind} of ${target} begins` },
      { atMs: healedMs, who: "FAULT", what: `${kind} of ${target} is over` },
    ]),
    ...stalls.map(({ beginMs, endMs }) => ({
      atMs: endMs,
      who: "machine",
      what: `processes were held up for ${Math.round(endMs - beginMs)} ms`,
    })),
  ];
}

function callLines(userId: string | undefined, { lives }: History): Line[] {
  const ofUser = lives.filter((life) => life.userId === userId);
  // What is about no user may be about a lease.
  const under = userId === undefined ? lives : ofUser;
  const leases = new Set(
    under.flatMap(({ calls }) => calls.flatMap(({ lease }) => (lease === undefined ? [] : [lease]))),
  );
  return [...ofUser.flatMap(linesOfLife), ...[...leases].flatMap(linesOfLease)];
}

function linesOfLease({ id, gateway, calls, releasedMs }: LeaseLife): Line[] {
  // Of a call that was answered as the last one, nobody wants to read.
  const telling = calls.filter(({ what, outcome, code }, index) => {
    const before = calls[index - 1];
    return before === undefined || before.what !== what || before.outcome !== outcome || before.code !== code;
  });
  const lines = telling.map(({ what, sentMs, endedMs, outcome, code }) => {
    const detail = code === undefined ? "" : `, ${code}`;
    return {
      atMs: sentMs,
      who: gateway,
      what: `${what} ${id}: ${outcome}${detail} after ${Math.round(endedMs - sentMs)} ms`,
    };
  });
  if (releasedMs !== undefined) lines.push({ atMs: releasedMs, who: gateway, what: `${id} is kept no more` });
  return lines;
}

function linesOfLife(life: SessionLife): Line[] {
  const { id, deviceId, kind, gateway, calls, end, releasedMs } = life;
  const who = `${gateway} (${kind})`;
  const session = `${deviceId} ${id}`;
  const lines = calls.map(({ what, sentMs, endedMs, outcome, code, version }) => {
    const took = `${Math.round(endedMs - sentMs)} ms`;
    const detail = [code, version === undefined ? undefined : `version ${version}`].filter(
      (part) => part !== undefined,
    );
    return {
      atMs: sentMs,
      who,
      what: `${what} ${session}: ${outcome}${detail.map((part) => `, ${part}`).join("")} after ${took}`,
    };
  });
  if (end !== undefined) {
    const late = end.isLate ? ", late: the device is elsewhere" : "";
    lines.push({ atMs: end.sentMs, who, what: `the socket of ${session} closed (${end.reason}${late})` });
  } else if (releasedMs !== undefined) lines.push({ atMs: releasedMs, who, what: `the socket of ${session} is gone` });
  return lines;
}

function readerLines(userId: string | undefined, { readers }: History): Line[] {
  return readers.flatMap(({ name, kind, statements, transitions, resets, availability }) => {
    const ofUser = statements.filter((statement) => statement.userId === userId);
    const shards = new Set(transitions.filter((read) => read.userId === userId).map(({ shard }) => shard));
    return [
      ...ofUser
        // Nor of an answer that says what the last one said.
        .filter(({ belief, version }, index) => {
          const before = ofUser[index - 1];
          return before === undefined || before.belief !== belief || before.version !== version;
        })
        .map(({ atMs, belief, version, why }) => ({ atMs, who: name, what: `${belief}, version ${version} (${why})` })),
      ...transitions
        .filter((read) => read.userId === userId && kind === "kafka")
        .map(({ atMs, online, version, cause }) => ({
          atMs,
          who: name,
          what: `read ${online ? "UserOnline" : "UserOffline"} ${version} ${cause}`,
        })),
      ...resets
        .filter(({ shard }) => shards.size === 0 || shards.has(shard))
        // The first of it: each partition has one.
        .filter(({ shard, begin }, index, all) => {
          return all.findIndex((other) => other.shard === shard && other.begin === begin) === index;
        })
        .map(({ atMs, shard, begin }) => ({
          atMs,
          who: name,
          what: `read the reset of shard ${shard} at ${begin}`,
        })),
      ...(userId === undefined ? availability : []).map(({ atMs, isAble, why }) => ({
        atMs,
        who: name,
        what: `${isAble ? "can" : "cannot"} tell: ${why}`,
      })),
    ];
  });
}
