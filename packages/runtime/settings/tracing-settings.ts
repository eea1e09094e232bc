import { fraction, integer, keyValues, oneOf, secret, secretKeyValues, text, toggle, url } from "./kinds.ts";
import { certificateFile, privateKeyFile } from "./pem-file.ts";
import { live, type Values } from "./setting.ts";

/**
 * Where spans go, and of which traces; the names are OpenTelemetry's.
 * Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export const tracingSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    kind: url(["http", "https"]),
    meaning: "collector that takes OTLP over HTTP, such as http://collector:4318; turns tracing on",
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
    kind: url(["http", "https"]),
    default: { meaning: "OTEL_EXPORTER_OTLP_ENDPOINT/v1/traces" },
    meaning: "the same for traces alone, with the path",
  },
  OTEL_EXPORTER_OTLP_PROTOCOL: {
    kind: oneOf(["http/protobuf"]),
    default: "http/protobuf",
    meaning: "how the collector is spoken to",
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    kind: live(secretKeyValues),
    meaning: "what each request to it carries, such as authorization=Bearer%20TOKEN",
  },
  OTEL_EXPORTER_OTLP_TIMEOUT: {
    kind: integer({ min: 1, max: 600_000 }),
    default: "10000",
    meaning: "milliseconds that it has to answer",
  },
  OTEL_EXPORTER_OTLP_COMPRESSION: {
    kind: oneOf(["gzip", "none"]),
    default: "none",
    meaning: "how requests are packed",
  },
  OTEL_EXPORTER_OTLP_CERTIFICATE: {
    kind: certificateFile,
    default: { meaning: "Node's list" },
    meaning: "authority that signed its certificate (PEM)",
  },
  OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: { kind: certificateFile, meaning: "our certificate for mutual TLS (PEM)" },
  OTEL_EXPORTER_OTLP_CLIENT_KEY: { kind: privateKeyFile, meaning: "its private key (PEM)" },
  OTEL_TRACES_EXPORTER: { kind: oneOf(["otlp", "none"]), default: "otlp", meaning: "none turns tracing off" },
  OTEL_SDK_DISABLED: { kind: toggle, default: "false", meaning: "turns tracing off" },
  OTEL_SERVICE_NAME: {
    kind: text({ maxBytes: 128 }),
    default: { meaning: "SERVICE_NAME" },
    meaning: "name in traces",
  },
  OTEL_RESOURCE_ATTRIBUTES: {
    kind: keyValues,
    meaning: "what traces say of this process besides, such as deployment.environment.name=production",
  },
  OTEL_TRACES_SAMPLER: {
    kind: oneOf([
      ...["always_on", "always_off", "traceidratio"],
      ...["parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"],
    ]),
    default: "parentbased_always_on",
    meaning: "which traces are recorded",
  },
  OTEL_TRACES_SAMPLER_ARG: {
    kind: fraction,
    default: "1",
    meaning: "the share of them, of a sampler with a ratio",
  },
  OTEL_BSP_MAX_QUEUE_SIZE: {
    kind: integer({ min: 1, max: 1_000_000 }),
    default: "2048",
    meaning: "spans that wait to be sent; further ones are dropped",
  },
  OTEL_BSP_SCHEDULE_DELAY: {
    kind: integer({ min: 1, max: 600_000 }),
    default: "5000",
    meaning: "milliseconds that they wait for others",
  },
  TRACING_ENABLED: { kind: text({ maxBytes: 64 }), meaning: "no more: OTEL_EXPORTER_OTLP_ENDPOINT turns tracing on" },
  JAEGER_URL: { kind: secret, meaning: "no more: OTEL_EXPORTER_OTLP_ENDPOINT says where Jaeger takes OTLP" },
} as const;

type TracingValues = Values<typeof tracingSettings>;

/** Where and what to trace. */
export interface TracingTarget {
  /** Of an OTLP endpoint over HTTP, with the path. */
  readonly url: string;
  readonly serviceName: string;
  /** What traces say of this process besides. */
  readonly attributes: Readonly<Record<string, string>>;
  /** HTTP fields of each request; a secret may be among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly compression: "gzip" | "none";
  /** PEM texts; of an endpoint with TLS. */
  readonly tls: {
    readonly ca: string | undefined;
    readonly certificate: string | undefined;
    readonly key: string | undefined;
  };
  /** Whether what somebody else's span causes is recorded if that is; and the share of other traces, 0 to 1. */
  readonly sampler: { readonly isParentBased: boolean; readonly ratio: number };
  /** Spans that wait at most; further ones are dropped. */
  readonly queueMax: number;
  /** How long they may wait, ms. */
  readonly delayMs: number;
}

/** @returns undefined: tracing is off */
export function tracingTarget(values: TracingValues & { readonly SERVICE_NAME: string }): TracingTarget | undefined {
  const url = values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? tracesAt(values.OTEL_EXPORTER_OTLP_ENDPOINT);
  if (url === undefined || values.OTEL_SDK_DISABLED || values.OTEL_TRACES_EXPORTER === "none") return undefined;
  return {
    url: url.href,
    serviceName: values.OTEL_SERVICE_NAME ?? values.SERVICE_NAME,
    attributes: values.OTEL_RESOURCE_ATTRIBUTES ?? {},
    headers: values.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    timeoutMs: values.OTEL_EXPORTER_OTLP_TIMEOUT,
    compression: values.OTEL_EXPORTER_OTLP_COMPRESSION,
    tls: {
      ca: values.OTEL_EXPORTER_OTLP_CERTIFICATE?.pem,
      certificate: values.OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE?.pem,
      key: values.OTEL_EXPORTER_OTLP_CLIENT_KEY?.pem,
    },
    sampler: samplerOf(values),
    queueMax: values.OTEL_BSP_MAX_QUEUE_SIZE,
    delayMs: values.OTEL_BSP_SCHEDULE_DELAY,
  };
}

/** What does not go together, one sentence each. */
export function* tracingConflicts(values: TracingValues): Iterable<string> {
  const { OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: certificate, OTEL_EXPORTER_OTLP_CLIENT_KEY: key } = values;
  if ((certificate === undefined) !== (key === undefined)) {
    yield "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY belong together: give both or none";
  }
}

/** What to say of settings that did something in other services once: a line each. */
export function* retiredTracingAdvice({ TRACING_ENABLED, JAEGER_URL, ...values }: TracingValues): Iterable<string> {
  const names = Object.entries({ TRACING_ENABLED, JAEGER_URL }).filter(([, value]) => value !== undefined);
  const isSet = values.OTEL_EXPORTER_OTLP_ENDPOINT ?? values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  for (const [name] of names) {
    yield isSet === undefined
      ? `${name} does nothing: set OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318, where a collector, or Jaeger itself, takes OTLP; that turns tracing on`
      : `${name} does nothing beside OTEL_EXPORTER_OTLP_ENDPOINT: leave it out; OTEL_SDK_DISABLED=true turns tracing off`;
  }
}

function tracesAt(endpoint: URL | undefined): URL | undefined {
  if (endpoint === undefined) return undefined;
  const url = new URL(endpoint);
  url.pathname = `${endpoint.pathname.replace(/\/$/, "")}/v1/traces`;
  return url;
}

function samplerOf({
  OTEL_TRACES_SAMPLER: name,
  OTEL_TRACES_SAMPLER_ARG: share,
}: TracingValues): TracingTarget["sampler"] {
  const [kind = "", isParentBased] = name.startsWith(parentBased)
    ? [name.slice(parentBased.length), true]
    : [name, false];
  const ratio = kind === "always_on" ? 1 : kind === "always_off" ? 0 : share;
  return { isParentBased, ratio };
}

const parentBased = "parentbased_";
