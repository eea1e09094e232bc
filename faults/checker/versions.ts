import type { History } from "../history/history.ts";
import type { ReadTransition } from "../history/reader-history.ts";
import type { Span } from "../time/spans.ts";
import { mayHaveLost } from "./allowed-time.ts";

/** A transition of one user, as one of the readers read it. */
export type Read = ReadTransition & { readonly reader: { readonly name: string; readonly kind: string } };

/** All readers' transitions of one user under one version, monotonic ms. */
export interface Version {
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
  /** Whose question it was. */
  readonly by: string;
}

/** Between which moments a transition came about; one that ends before it begins is a contradiction. */
interface Moment extends Span {
  /** The last question that was answered with a lower version. */
  readonly before: Observation | undefined;
}

export function readsByUser({ readers }: History): Map<string, Read[]> {
  return Map.groupBy(
    readers.flatMap((reader) => reader.transitions.map((read) => ({ ...read, reader }))),
    ({ userId }) => userId,
  );
}

/** In their order. @param reads of one user */
export function versionsOf(reads: readonly Read[]): Version[] {
  return [...Map.groupBy(reads, ({ version }) => version)]
    .map(([version, same]) => {
      const { online, cause, shard } = same[0] as Read;
      const firstMs = Math.min(...same.map(({ atMs }) => atMs));
      return { version, online, cause, shard, firstMs, isInKafka: same.some(({ reader }) => reader.kind === "kafka") };
    })
    .sort((left, right) => left.version - right.version);
}

export function momentsOf(userId: string, history: History): (transition: Version) => Moment {
  const observations = observationsOf(userId, history);
  return ({ version, firstMs }) => {
    // A store that lost the transition answers as before it, and says nothing of when it came about.
    const isOfAnotherStore = ({ beginMs }: Span) =>
      beginMs > firstMs && mayHaveLost(history, { beginMs: firstMs, endMs: beginMs });
    const before = observations.findLast((seen) => seen.version < version && !isOfAnotherStore(seen));
    const after = observations.filter((seen) => seen.version >= version).map(({ endMs }) => endMs);
    const beginMs = Math.max(history.beganMs, before?.beginMs ?? history.beganMs);
    return { beginMs, endMs: Math.min(firstMs, ...after), before };
  };
}

/** In the order in which it was asked. */
function observationsOf(userId: string, { lives, readers }: History): Observation[] {
  const registered = lives
    .filter((life) => life.userId === userId)
    .flatMap(({ calls, gateway: by }) =>
      calls.flatMap(({ outcome, sentMs, endedMs, version }) =>
        outcome === "ok" && version !== undefined ? [{ beginMs: sentMs, endMs: endedMs, version, by }] : [],
      ),
    );
  const answered = readers
    .filter(({ kind }) => kind === "poll")
    .flatMap(({ statements, name: by }) =>
      statements
        .filter((statement) => statement.userId === userId && statement.belief !== "unsure")
        .map(({ sinceMs, atMs, version }) => ({ beginMs: sinceMs, endMs: atMs, version, by })),
    );
  return [...registered, ...answered].sort((left, right) => left.beginMs - right.beginMs);
}
