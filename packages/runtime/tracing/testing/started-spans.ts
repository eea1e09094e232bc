import { traceContextIn, traceparentOf } from "../traceparent.ts";
import type { Span, SpanOptions, Tracer } from "../tracer.ts";

interface StartedSpan extends Span, SpanOptions {
  readonly name: string;
  readonly isOver: boolean;
  readonly failure: string | undefined;
}

/** A tracer that shows the spans it has started; each records its trace, but one whose parent is not recorded. */
export function startedSpans(): { readonly tracer: Tracer; readonly spans: readonly StartedSpan[] } {
  const spans: StartedSpan[] = [];
  const start = (name: string, options: SpanOptions): Span => {
    const cause = traceContextIn(options.parent);
    const digits = (spans.length + 1).toString(16);
    const isSampled = cause?.isSampled ?? true;
    const span = {
      ...{ ...options, name, isSampled, isOver: false, failure: undefined as string | undefined },
      traceparent: traceparentOf({
        traceId: cause?.traceId ?? digits.padStart(32, "0"),
        spanId: digits.padStart(16, "0"),
        isSampled,
      }),
      end(failure?: string) {
        span.isOver = true;
        span.failure = failure;
      },
    };
    spans.push(span);
    return span;
  };
  return { tracer: { start }, spans };
}
