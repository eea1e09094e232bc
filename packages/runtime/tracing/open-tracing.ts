import type { Tracing, TracingConfig } from "./tracing.ts";

/** Loads what it takes only now: a process without tracing has none of it. */
export async function openTracing(config: TracingConfig): Promise<Tracing> {
  const { OtlpTracing } = await import("./otlp/otlp-tracing.ts");
  return new OtlpTracing(config);
}
