import type { History } from "../history/history.ts";
import type { ReadTransition } from "../history/reader-history.ts";
import { isInside, type Span } from "../time/spans.ts";
import { mayHaveLost } from "./allowed-time.ts";
import { surelyOnline } from "./truth.ts";
import type { Violation } from "./violation.ts";

/** All readers' transitions of one user under one version, monotonic ms. */
interface Version {
  readonly version: number;
  readonly online: boolean;
  readonly cause: string;
  readonly shard: number;
  readonly firstMs: number;
  readonly isInKafka: boolean;
}

/** What the state was at some moment between question and answer: transitions above this version came later. */
interface Observation extends Span {
  readonly version: number;
}

/** Judges each transition of each user: none is false (P1), their order is one (P3), none is missing (P4). */
export function checkTransitions(history: History): Violation[] {
  const begins = beginsByShard(history);
  const transitions = Map.groupBy(
    history.readers.flatMap((reader) => reader.transitions.map((read) => ({ ...read, reader }))),
    ({ userId }) => userId,
  );
  return [...transitions].flatMap(([userId, reads]) => {
    const versions = versionsOf(reads);
    return [
      ...falseOfflines(userId, versions, history),
      ...contradictions(userId, reads),
      ...missingTurns(userId, versions, history),
      ...notInKafka(userId, versions, begins),
    ];
  });
}

type Read = ReadTransition & { readonly reader: { readonly name: string; readonly kind: string } };

function versionsOf(reads: readonly Read[]): Version[] {
  return [...Map.groupBy(reads, ({ version }) => version)]
    .map(([version, same]) => {
      const { online, cause, shard } = same[0] as Read;
      const firstMs = Math.min(...same.map(({ atMs }) => atMs));
      return { version, online, cause, shard, firstMs, isInKafka: same.some(({ reader }) => reader.kind === "kafka") };
    })
    .sort((left, right) => left.version - right.version);
}

/** P1: a UserOffline must have a moment in which no session lived for sure. Versions tell between which moments it came. */
function falseOfflines(userId: string, versions: readonly Version[], history: History): Violation[] {
  const online = surelyOnline(userId, history);
  const observations = observationsOf(userId, history);
  return versions
    .filter((transition) => !transition.online)
    .flatMap(({ version, cause, firstMs }) => {
      // A store that lost the transition answers as before it, and says nothing of when it came about.
      const isOfAnotherStore = ({ beginMs }: Span) =>
        beginMs > firstMs && mayHaveLost(history, { beginMs: firstMs, endMs: beginMs });
      const before = observations
        .filter((seen) => seen.version < version && !isOfAnotherStore(seen))
        .map(({ beginMs }) => beginMs);
      const after = observations.filter((seen) => seen.version >= version).map(({ endMs }) => endMs);
      const span = { beginMs: Math.max(history.beganMs, ...before), endMs: Math.min(firstMs, ...after) };
      if (span.beginMs > span.endMs) {
        const what = `a question asked after version ${version} of ${userId} was known was answered with a lower one`;
        return [{ promise: "P3", userId, atMs: span.beginMs, what, wrongMs: 0 }];
      }
      if (!isInside(span, online)) return [];
      const what = `${userId} was taken offline (${cause}, version ${version}) while a session lived`;
      return [{ promise: "P1", userId, atMs: span.endMs, what, wrongMs: 0 }];
    });
}

function observationsOf(userId: string, { lives, readers }: History): Observation[] {
  const registered = lives
    .filter((life) => life.userId === userId)
    .flatMap(({ calls }) => calls)
    .filter(({ outcome, version }) => outcome === "ok" && version !== undefined)
    .map(({ sentMs, endedMs, version }) => ({ beginMs: sentMs, endMs: endedMs, version: version as number }));
  const answered = readers
    .filter(({ kind }) => kind === "poll")
    .flatMap(({ statements }) => statements)
    .filter((statement) => statement.userId === userId && statement.belief !== "unsure")
    .map(({ sinceMs, atMs, version }) => ({ beginMs: sinceMs, endMs: atMs, version }));
  return [...registered, ...answered];
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
function notInKafka(userId: string, versions: readonly Version[], begins: ReadonlyMap<number, number>): Violation[] {
  return versions
    .filter(({ isInKafka, version, shard }) => !isInKafka && version >= (begins.get(shard) ?? 0))
    .map(({ version, firstMs, online }) => ({
      promise: "P4",
      userId,
      atMs: firstMs,
      what: `version ${version} of ${userId} (${stateName({ online })}) never came to Kafka`,
      wrongMs: 0,
    }));
}

function beginsByShard({ readers }: History): Map<number, number> {
  const begins = new Map<number, number>();
  for (const { kind, resets } of readers) {
    if (kind !== "kafka") continue;
    for (const { shard, begin } of resets) begins.set(shard, Math.max(begin, begins.get(shard) ?? 0));
  }
  return begins;
}
