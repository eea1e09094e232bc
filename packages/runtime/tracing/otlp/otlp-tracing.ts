import {
  type Tracer as ApiTracer,
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { type Clock, pause } from "../../clock.ts";
import { traceContextIn, traceparentOf } from "../traceparent.ts";
import type { Span, SpanOptions, Tracer } from "../tracer.ts";
import type { Tracing, TracingConfig, TracingMetrics } from "../tracing.ts";
import { CountedExporter } from "./counted-exporter.ts";
import { samplerOf } from "./sampler.ts";

/** Most spans of one request. */
const batchMax = 512;

const kinds: Readonly<Record<SpanOptions["kind"], SpanKind>> = {
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

/** Sends spans by OTLP over HTTP, in batches. */
export class OtlpTracing implements Tracing {
  readonly tracer: Tracer = { start: (name, options) => this.#start(name, options) };
  readonly #clock: Clock;
  readonly #exporter: CountedExporter;
  readonly #provider: TracerProvider;
  readonly #api: ApiTracer;
  #recorded = 0;

  constructor(config: TracingConfig) {
    const { serviceName, instanceId, attributes, sampler, queueMax, delayMs, onFailure, clock } = config;
    this.#clock = clock;
    this.#exporter = new CountedExporter(new OTLPTraceExporter(exporterOptions(config)), onFailure);
    const own = { "service.name": serviceName, "service.instance.id": instanceId };
    this.#provider = new TracerProvider({
      resource: defaultResource().merge(resourceFromAttributes({ ...attributes, ...own })),
      sampler: samplerOf(sampler),
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: this.#exporter,
          maxQueueSize: queueMax,
          maxExportBatchSize: Math.min(batchMax, queueMax),
          scheduledDelayMillis: delayMs,
        }),
      ],
    });
    this.#api = this.#provider.getTracer("@realchat/presence");
  }

  metrics(): TracingMetrics {
    return { spans: { recorded: this.#recorded, ...this.#exporter.counts } };
  }

  async close(deadlineMs: number): Promise<void> {
    const enough = new AbortController();
    const sent = this.#provider.shutdown().catch(() => {});
    await Promise.race([sent, pause(this.#clock, deadlineMs, enough.signal)]);
    enough.abort();
  }

  #start(name: string, { kind, parent, startUs, attributes = {} }: SpanOptions): Span {
    const timed = startUs === undefined ? {} : { startTime: hrTimeOf(startUs) };
    const span = this.#api.startSpan(name, { kind: kinds[kind], attributes, ...timed }, contextOf(parent));
    const isSampled = span.isRecording();
    return {
      traceparent: traceparentOf({ ...span.spanContext(), isSampled }),
      isSampled,
      end: (failure) => {
        if (isSampled) this.#recorded++;
        if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
        span.end();
      },
    };
  }
}

type ExporterOptions = NonNullable<ConstructorParameters<typeof OTLPTraceExporter>[0]>;

function exporterOptions({ url, headers, timeoutMs, compression, tls }: TracingConfig): ExporterOptions {
  const { ca, certificate: cert, key } = tls;
  return {
    url,
    headers: async () => ({ ...headers() }),
    timeoutMillis: timeoutMs,
    // Its words are those of an enum that the package does not export.
    compression: compression as ExporterOptions["compression"],
    httpAgentOptions: { keepAlive: true, ca, cert, key },
  };
}

function contextOf(traceparent: string | undefined): Context {
  const parent = traceContextIn(traceparent);
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, isSampled } = parent;
  const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

/** Seconds and nanoseconds. */
function hrTimeOf(us: number): [number, number] {
  return [Math.floor(us / 1_000_000), (us % 1_000_000) * 1_000];
}
