import type { History } from "../history/history.ts";
import type { Excuse, InjectedFault } from "../history/injected-fault.ts";
import type { ReaderHistory } from "../history/reader-history.ts";
import { merged, type Span } from "../time/spans.ts";

/** The time that a promise's bound does not count for this reader, by what each fault allows. */
export function uncountedFor(reader: Pick<ReaderHistory, "kind" | "node">, history: History): Span[] {
  const spans = history.faults.flatMap((fault) => {
    const { everyone, kafka, ofNode } = fault.allowance;
    const excuses = [everyone, reader.kind === "kafka" ? kafka : undefined];
    // A page does not know which node its gateway watches.
    if (ofNode !== undefined && (ofNode.node === reader.node || reader.kind === "page")) excuses.push(ofNode.excuse);
    return excuses.flatMap((excuse) => (excuse === undefined ? [] : [excusedSpan(fault, excuse)]));
  });
  return merged([...spans, ...history.stalls]);
}

function excusedSpan({ beganMs, healedMs }: InjectedFault, excuse: Excuse): Span {
  if (excuse.part === "start") return { beginMs: beganMs, endMs: beganMs + excuse.forMs };
  return { beginMs: beganMs, endMs: healedMs + excuse.afterMs };
}

/** A tick after an outage advances the clock by at most a second; ticks come every 250 ms. */
const capMs = 1_500;

/** Time that brings nobody closer to a deadline, for sure (P6). */
export function standstills(history: History): Span[] {
  return merged(
    history.faults
      .filter(({ allowance }) => allowance.isOutage)
      .map(({ beganMs, healedMs }) => ({ beginMs: beganMs + capMs, endMs: healedMs })),
  );
}

/** When the store may have lost data. */
function losses(history: History): Span[] {
  return history.faults
    .filter(({ allowance }) => allowance.losesData)
    .map(({ beganMs, healedMs }) => ({ beginMs: beganMs, endMs: healedMs }));
}

export function mayHaveLost(history: History, { beginMs, endMs }: Span): boolean {
  return losses(history).some((loss) => loss.beginMs <= endMs && loss.endMs >= beginMs);
}
