import type { Clock } from "../clock.ts";
import type { TracingTarget } from "../settings/tracing-settings.ts";
import type { Tracer } from "./tracer.ts";

export interface TracingConfig extends Omit<TracingTarget, "headers"> {
  readonly instanceId: string;
  /** Asked for each request. */
  readonly headers: () => TracingTarget["headers"];
  /** Hears of spans that could not be sent, where those before could. */
  readonly onFailure: (error: Error) => void;
  readonly clock: Clock;
}

/** Counters since the start. */
export interface TracingMetrics {
  /** Spans, by what became of them. Those recorded are more by those that wait, and those dropped as too many waited. */
  readonly spans: Readonly<Record<"recorded" | "sent" | "failed", number>>;
}

export interface Tracing {
  readonly tracer: Tracer;
  metrics(): TracingMetrics;
  /** Sends what waits, for at most that long. */
  close(deadlineMs: number): Promise<void>;
}
