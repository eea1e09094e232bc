import type { History } from "../history/history.ts";
import type { Belief, ReaderHistory, Statement } from "../history/reader-history.ts";
import { intersection, isInside, lengthOf, merged, type Span } from "../time/spans.ts";
import { uncountedFor } from "./allowed-time.ts";
import { afterDelivery, surelyOffline, surelyOnline } from "./truth.ts";
import type { Violation } from "./violation.ts";

interface BeliefVerdict {
  readonly violations: Violation[];
  /** User-time in which the truth is known and a reader said something, and all of the run's, ms. */
  readonly judgedMs: number;
  readonly wholeMs: number;
}

/** Compares what the readers believed with what is surely true: wrong seconds (P1, P2, P5, P8). */
export function checkBeliefs(history: History): BeliefVerdict {
  const violations: Violation[] = [];
  let judgedMs = 0;
  for (const reader of history.readers) {
    const uncounted = uncountedFor(reader, history);
    const byUser = Map.groupBy(reader.statements, ({ userId }) => userId);
    for (const userId of history.users) {
      const online = surelyOnline(userId, history);
      const offline = surelyOffline(userId, history, uncounted);
      const statements = byUser.get(userId) ?? [];
      if (reader.kind === "poll") {
        violations.push(...wrongAnswers(reader, statements, online, offline, history));
      } else {
        const mustBeOnline = afterDelivery(online, history, uncounted);
        violations.push(...wrongSpans(reader, userId, statements, "offline", mustBeOnline, history));
        violations.push(...wrongSpans(reader, userId, statements, "online", offline, history));
      }
      const known = spansOf(statements, (belief) => belief !== "unsure", history);
      judgedMs += lengthOf(intersection(known, merged([...online, ...offline])));
    }
  }
  const wholeMs = (history.endedMs - history.beganMs) * history.users.length * history.readers.length;
  return { violations, judgedMs, wholeMs };
}

function wrongSpans(
  reader: ReaderHistory,
  userId: string,
  statements: readonly Statement[],
  belief: Belief,
  truth: readonly Span[],
  history: History,
): Violation[] {
  const believed = spansOf(statements, (held) => held === belief, history);
  return intersection(believed, truth).map(({ beginMs, endMs }) => ({
    promise: belief === "offline" ? "P1" : "P2",
    userId,
    atMs: beginMs,
    what: `${reader.name} believed that ${userId} is ${belief} for ${Math.round(endMs - beginMs)} ms beyond the bound`,
    wrongMs: endMs - beginMs,
  }));
}

/** An answer is about the moments between question and answer: no lag excuses it. */
function wrongAnswers(
  reader: ReaderHistory,
  statements: readonly Statement[],
  online: readonly Span[],
  offline: readonly Span[],
  history: History,
): Violation[] {
  return statements.flatMap(({ sinceMs, atMs, belief, userId }, index) => {
    if (belief === "unsure") return [];
    const isWrong = isInside({ beginMs: sinceMs, endMs: atMs }, belief === "online" ? offline : online);
    if (!isWrong) return [];
    const wrongMs = (statements[index + 1]?.atMs ?? history.endedMs) - atMs;
    const what = `${reader.name} was answered that ${userId} is ${belief}, and held it for ${Math.round(wrongMs)} ms`;
    return [{ promise: belief === "offline" ? "P1" : "P2", userId, atMs, what, wrongMs }];
  });
}

function spansOf(statements: readonly Statement[], holds: (belief: Belief) => boolean, history: History): Span[] {
  return merged(
    statements.flatMap(({ atMs, belief }, index) =>
      holds(belief) ? [{ beginMs: atMs, endMs: statements[index + 1]?.atMs ?? history.endedMs }] : [],
    ),
  );
}
