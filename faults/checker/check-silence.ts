import type { History } from "../history/history.ts";
import { whyRecovering } from "../history/reader-history.ts";
import { intersection, lengthOf, merged, type Span, without } from "../time/spans.ts";
import { recoveries, uncountedFor } from "./allowed-time.ts";
import type { Violation } from "./violation.ts";

/** How long a reader may be without anything to rely on when no fault allows it, ms: a stream that ended, a retry. */
const silentMs = 5_000;

/** UNAVAILABLE and `recovering` are never wrong, but they end: else a presence that says nothing would keep every promise. */
export function checkSilence(history: History): Violation[] {
  return history.readers.flatMap((reader) => {
    const uncounted = uncountedFor(reader, history);
    return unableSpans(reader.availability, history).flatMap(({ span, why, recovering }) => {
      const excused = merged([...uncounted, ...intersection(merged(recovering), recoveries(uncounted, history))]);
      const unexcusedMs = lengthOf(without(span, excused));
      if (unexcusedMs <= silentMs + history.timing.slackMs) return [];
      const what = `${reader.name} could tell nothing for ${Math.round(unexcusedMs)} ms that no fault allows (${why})`;
      return [{ promise: "P5", userId: undefined, atMs: span.beginMs, what, wrongMs: 0 }];
    });
  });
}

function unableSpans(
  availability: History["readers"][number]["availability"],
  history: History,
): { span: Span; why: string; recovering: Span[] }[] {
  const unable = availability.flatMap(({ atMs, isAble, why }, index) =>
    isAble
      ? []
      : [{ beginMs: Math.max(atMs, history.beganMs), endMs: availability[index + 1]?.atMs ?? history.endedMs, why }],
  );
  return merged(unable).map((span) => {
    const reasons = unable.filter(
      ({ beginMs, endMs }) => beginMs >= span.beginMs && endMs <= span.endMs && beginMs < endMs,
    );
    const recovering = reasons.filter(({ why }) => why === whyRecovering);
    return { span, why: reasons.map(({ why }) => why).join(", then "), recovering };
  });
}
