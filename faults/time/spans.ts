/** From `beginMs` up to and without `endMs`, monotonic ms. */
export interface Span {
  readonly beginMs: number;
  readonly endMs: number;
}

/** The same times in order, none of which overlap or touch. */
export function merged(spans: readonly Span[]): Span[] {
  const result: { beginMs: number; endMs: number }[] = [];
  for (const { beginMs, endMs } of [...spans].sort((left, right) => left.beginMs - right.beginMs)) {
    const last = result.at(-1);
    if (endMs <= beginMs) continue;
    if (last !== undefined && beginMs <= last.endMs) last.endMs = Math.max(last.endMs, endMs);
    else result.push({ beginMs, endMs });
  }
  return result;
}

/** What is in both. @param left merged @param right merged */
export function intersection(left: readonly Span[], right: readonly Span[]): Span[] {
  return left.flatMap((one) =>
    right
      .map((other) => ({ beginMs: Math.max(one.beginMs, other.beginMs), endMs: Math.min(one.endMs, other.endMs) }))
      .filter(({ beginMs, endMs }) => beginMs < endMs),
  );
}

/** What is in `span` and in none of the others. @param others merged */
export function without(span: Span, others: readonly Span[]): Span[] {
  const result: Span[] = [];
  let beginMs = span.beginMs;
  for (const other of others) {
    if (other.endMs <= beginMs) continue;
    if (other.beginMs >= span.endMs) break;
    if (other.beginMs > beginMs) result.push({ beginMs, endMs: other.beginMs });
    beginMs = Math.max(beginMs, other.endMs);
  }
  if (beginMs < span.endMs) result.push({ beginMs, endMs: span.endMs });
  return result;
}

export function isInside({ beginMs, endMs }: Span, spans: readonly Span[]): boolean {
  return spans.some((span) => span.beginMs <= beginMs && endMs <= span.endMs);
}

export function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { beginMs, endMs }) => sum + endMs - beginMs, 0);
}

/**
 * When that much time has passed that counts.
 * @param uncounted merged: time in these does not count
 */
export function afterCounted(fromMs: number, countedMs: number, uncounted: readonly Span[]): number {
  let atMs = fromMs + countedMs;
  for (const { beginMs, endMs } of uncounted) {
    if (endMs <= fromMs) continue;
    if (beginMs >= atMs) break;
    atMs += endMs - Math.max(beginMs, fromMs);
  }
  return atMs;
}
