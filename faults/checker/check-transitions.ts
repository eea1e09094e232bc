import type { History } from "../history/history.ts";
import { afterCounted, isInside } from "../time/spans.ts";
import { mayHaveLost, uncountedFor } from "./allowed-time.ts";
import { boundMs, surelyOnline } from "./truth.ts";
import { momentsOf, type Read, readsByUser, type Version, versionsOf } from "./versions.ts";
import type { Violation } from "./violation.ts";

/** Judges each transition of each user: none is false (P1), their order is one (P3), none is missing (P4). */
export function checkTransitions(history: History): Violation[] {
  const begins = beginsByShard(history);
  return [...readsByUser(history)].flatMap(([userId, reads]) => {
    const versions = versionsOf(reads);
    return [
      ...falseOfflines(userId, versions, history),
      ...contradictions(userId, reads),
      ...missingTurns(userId, versions, history),
      ...notInKafka(userId, versions, begins, history),
    ];
  });
}

/** P1: a UserOffline must have a moment in which no session lived for sure. Versions tell between which moments it came. */
function falseOfflines(userId: string, versions: readonly Version[], history: History): Violation[] {
  const online = surelyOnline(userId, history);
  const momentOf = momentsOf(userId, history);
  return versions
    .filter((transition) => !transition.online)
    .flatMap((transition) => {
      const { version, cause } = transition;
      const span = momentOf(transition);
      if (span.before !== undefined && span.beginMs > span.endMs) {
        const { by, version: lower } = span.before;
        const what = `${by}, asking after version ${version} of ${userId} was known, was answered ${lower}`;
        return [{ promise: "P3", userId, atMs: span.beginMs, what, wrongMs: 0 }];
      }
      if (!isInside(span, online)) return [];
      const what = `${userId} was taken offline (${cause}, version ${version}) while a session lived`;
      return [{ promise: "P1", userId, atMs: span.endMs, what, wrongMs: 0 }];
    });
}

/** P3: a version says the same wherever it is read, and each reader meets new versions in their order. */
function contradictions(userId: string, reads: readonly Read[]): Violation[] {
  const violations: Violation[] = [];
  const stateOf = new Map<number, Read>();
  const highest = new Map<string, number>();
  const met = new Map<string, Set<number>>();
  for (const read of reads) {
    const { version, online, atMs, reader } = read;
    const first = stateOf.get(version) ?? read;
    stateOf.set(version, first);
    if (first.online !== online) {
      const what = `version ${version} of ${userId} is ${stateName(first)} for ${first.reader.name} and ${stateName(read)} for ${reader.name}`;
      violations.push({ promise: "P3", userId, atMs, what, wrongMs: 0 });
    }
    const known = met.get(reader.name) ?? new Set<number>();
    met.set(reader.name, known);
    const top = highest.get(reader.name) ?? 0;
    if (version < top && !known.has(version)) {
      const what = `${reader.name} met version ${version} of ${userId} only after ${top}`;
      violations.push({ promise: "P3", userId, atMs, what, wrongMs: 0 });
    }
    known.add(version);
    highest.set(reader.name, Math.max(top, version));
  }
  return violations;
}

function stateName({ online }: { readonly online: boolean }): string {
  return online ? "online" : "offline";
}

/** P4: online and offline take turns, unless one was said again (RESTATED) or lost with the store. */
function missingTurns(userId: string, versions: readonly Version[], history: History): Violation[] {
  return versions.flatMap((transition, index) => {
    const before = versions[index - 1];
    const isTurn = before === undefined ? transition.online : before.online !== transition.online;
    if (isTurn || transition.cause === "RESTATED") return [];
    const span = { beginMs: before?.firstMs ?? history.beganMs, endMs: transition.firstMs };
    if (mayHaveLost(history, span)) return [];
    const what = `${userId} became ${stateName(transition)} again with version ${transition.version}: a transition between is missing`;
    return [{ promise: "P4", userId, atMs: transition.firstMs, what, wrongMs: 0 }];
  });
}

/** P4: what anybody was told reaches Kafka, unless it is below a begin that Kafka's readers were told of. */
function notInKafka(
  userId: string,
  versions: readonly Version[],
  begins: ReadonlyMap<number, number>,
  history: History,
): Violation[] {
  const uncounted = uncountedFor({ kind: "kafka", node: undefined }, history);
  return (
    versions
      .filter(({ isInKafka, version, shard }) => !isInKafka && version >= (begins.get(shard) ?? 0))
      // What came just before a run ended is still on its way.
      .filter(({ firstMs }) => afterCounted(firstMs, boundMs + history.timing.slackMs, uncounted) < history.endedMs)
      .map(({ version, firstMs, online }) => ({
        promise: "P4",
        userId,
        atMs: firstMs,
        what: `version ${version} of ${userId} (${stateName({ online })}) never came to Kafka`,
        wrongMs: 0,
      }))
  );
}

function beginsByShard({ readers }: History): Map<number, number> {
  const begins = new Map<number, number>();
  for (const { kind, resets } of readers) {
    if (kind !== "kafka") continue;
    for (const { shard, begin } of resets) begins.set(shard, Math.max(begin, begins.get(shard) ?? 0));
  }
  return begins;
}
