import type { SpanExporter } from "@opentelemetry/sdk-trace";

type Export = SpanExporter["export"];

/** Counts what becomes of spans, and tells when they cannot be sent any more. */
export class CountedExporter implements SpanExporter {
  readonly counts = { sent: 0, failed: 0 };
  readonly #exporter: SpanExporter;
  readonly #onFailure: (error: Error) => void;
  #isFailing = false;

  constructor(exporter: SpanExporter, onFailure: (error: Error) => void) {
    this.#exporter = exporter;
    this.#onFailure = onFailure;
  }

  export(spans: Parameters<Export>[0], done: Parameters<Export>[1]): void {
    this.#exporter.export(spans, (result) => {
      const { error } = result;
      this.counts[error === undefined ? "sent" : "failed"] += spans.length;
      if (error !== undefined && !this.#isFailing) this.#onFailure(error);
      this.#isFailing = error !== undefined;
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}
