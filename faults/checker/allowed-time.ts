import type { History } from "../history/history.ts";
import type { Excuse, InjectedFault } from "../history/injected-fault.ts";
import type { ReaderHistory } from "../history/reader-history.ts";
import { remembered, rememberedOf } from "../history/remembered.ts";
import { afterCounted, merged, type Span } from "../time/spans.ts";

/** The time that a promise's bound does not count for this reader, by what each fault allows. */
export function uncountedFor(reader: Pick<ReaderHistory, "kind" | "node">, history: History): Span[] {
  const spans = history.faults.flatMap((fault) => {
    const { everyone, kafka, page, ofNode } = fault.allowance;
    const excuses = [everyone];
    if (reader.kind === "kafka") excuses.push(kafka);
    if (reader.kind === "page") excuses.push(page);
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
const standstills = rememberedOf(({ faults }): Span[] =>
  merged(
    faults
      .filter(({ allowance }) => allowance.isOutage)
      .map(({ beganMs, healedMs }) => ({ beginMs: beganMs + capMs, endMs: healedMs })),
  ),
);

/** When the store may have lost data, in the order in which that began. */
const losses = rememberedOf(({ faults }): Span[] =>
  faults
    .filter(({ allowance }) => allowance.losesData)
    .map(({ beganMs, healedMs }) => ({ beginMs: beganMs, endMs: healedMs })),
);

/**
 * When nobody goes offline, since shards recover that lost nothing (P2). Once it is over, all go whose time is.
 * @param uncounted time that the reader's bound does not count
 */
export const recoveries = remembered((uncounted: readonly Span[], { faults, timing }): Span[] =>
  merged(
    faults
      .filter(({ allowance }) => allowance.recovers)
      .map(({ beganMs, healedMs }) => ({ beginMs: beganMs, endMs: afterCounted(healedMs, timing.ttlMs, uncounted) })),
  ),
);

export function mayHaveLost(history: History, { beginMs, endMs }: Span): boolean {
  return losses(history).some((loss) => loss.beginMs <= endMs && loss.endMs >= beginMs);
}

/**
 * Until when what was confirmed lives for sure. Time in which no node reaches the store uses nothing up (P6). Of what a
 * store may have lost, only its recovery is sure: a session's TTL.
 * @param sentMs of the call that was confirmed
 */
export function surelyUntilMs(sentMs: number, ttlMs: number, history: History): number {
  const still = standstills(history);
  const untilMs = (fromMs: number, countedMs: number) => {
    const endMs = afterCounted(fromMs, countedMs, still);
    return afterCounted(fromMs, countedMs - leapsIn({ beginMs: fromMs, endMs }, history), still);
  };
  const loss = losses(history).find(({ endMs }) => endMs >= sentMs);
  const recoveredMs = loss && untilMs(Math.max(loss.beginMs, sentMs), history.timing.ttlMs);
  return Math.min(untilMs(sentMs, ttlMs), recoveredMs ?? Number.POSITIVE_INFINITY);
}

function leapsIn(span: Span, { faults }: History): number {
  return faults
    .filter(({ beganMs, healedMs }) => beganMs <= span.endMs && healedMs >= span.beginMs)
    .reduce((sum, { allowance }) => sum + (allowance.leapMs ?? 0), 0);
}
