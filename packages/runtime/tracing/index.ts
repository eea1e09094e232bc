export { openTracing } from "./open-tracing.ts";
export { traceContextIn } from "./traceparent.ts";
export type { Span, SpanOptions, Tracer } from "./tracer.ts";
export type { Tracing, TracingConfig, TracingMetrics } from "./tracing.ts";
