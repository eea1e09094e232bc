/** What traces are made with. Whoever has none is traced by nobody, and pays nothing. */
export interface Tracer {
  start(name: string, options: SpanOptions): Span;
}

export interface SpanOptions {
  readonly kind: "client" | "server" | "producer" | "consumer";
  /** The traceparent of what caused it. Absent, or none that can be read: a trace begins, if the sampler says so. */
  readonly parent?: string | undefined;
  /** When it began, µs since 1970; default: now. */
  readonly startUs?: number;
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
}

export interface Span {
  /** Names it to what it causes. Source: https://www.w3.org/TR/trace-context/#traceparent-header */
  readonly traceparent: string;
  /** Whether it is recorded, and what it causes is to be. */
  readonly isSampled: boolean;
  /** @param failure what it failed with; absent: it did not */
  end(failure?: string): void;
}
