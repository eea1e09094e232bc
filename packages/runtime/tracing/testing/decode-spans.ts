import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

export interface ReceivedSpan {
  /** `service.name` of who sent it. */
  readonly service: string;
  /** All that is said of who sent it. */
  readonly resource: Readonly<Record<string, string>>;
  readonly name: string;
  /** The number of OTLP's SpanKind. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it is the first of its trace. */
  readonly parentSpanId: string;
  /** µs since 1970. */
  readonly startUs: number;
  readonly endUs: number;
  readonly attributes: Readonly<Record<string, string>>;
  /** It ended with an error, which says this. */
  readonly failure: string | undefined;
}

/** Fields of a message by number: of submessages, texts and bytes their bytes, of others the number. */
type Fields = ReadonlyMap<number, readonly (Uint8Array | bigint)[]>;

/**
 * Reads what an exporter sends: ExportTraceServiceRequest.
 * Source: https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
 */
export function spansIn(request: Uint8Array): ReceivedSpan[] {
  return messages(fieldsOf(request), 1).flatMap((resourceSpans) => {
    const [sender = new Map()] = messages(resourceSpans, 1);
    const resource = attributesIn(sender, 1);
    return messages(resourceSpans, 2).flatMap((scopeSpans) =>
      messages(scopeSpans, 2).map((span) => spanOf(span, resource)),
    );
  });
}

function spanOf(span: Fields, resource: ReceivedSpan["resource"]): ReceivedSpan {
  const [status = new Map()] = messages(span, 15);
  const isError = Number(status.get(3)?.[0] ?? 0) === 2;
  return {
    service: resource["service.name"] ?? "",
    resource,
    name: text(span, 5),
    kind: Number(span.get(6)?.[0] ?? 0),
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    parentSpanId: hex(span, 4),
    startUs: Number(span.get(7)?.[0] ?? 0) / 1_000,
    endUs: Number(span.get(8)?.[0] ?? 0) / 1_000,
    attributes: attributesIn(span, 9),
    failure: isError ? text(status, 2) : undefined,
  };
}

/** KeyValue: key and AnyValue, of which a text, a truth value or a whole number is read. */
function attributesIn(message: Fields, field: number): Record<string, string> {
  const entries = messages(message, field).map((entry) => {
    const [value = new Map()] = messages(entry, 2);
    return [text(entry, 1), text(value, 1) || String(value.get(2)?.[0] ?? value.get(3)?.[0] ?? "")];
  });
  return Object.fromEntries(entries);
}

function messages(message: Fields, field: number): Fields[] {
  return bytesIn(message, field).map(fieldsOf);
}

function text(message: Fields, field: number): string {
  return Buffer.from(bytesIn(message, field)[0] ?? []).toString();
}

function hex(message: Fields, field: number): string {
  return Buffer.from(bytesIn(message, field)[0] ?? []).toString("hex");
}

function bytesIn(message: Fields, field: number): Uint8Array[] {
  return (message.get(field) ?? []).filter((value) => value instanceof Uint8Array);
}

function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, (Uint8Array | bigint)[]>();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const values = fields.get(field) ?? [];
    fields.set(field, values);
    if (type === WireType.LengthDelimited) values.push(reader.bytes());
    else if (type === WireType.Varint) values.push(BigInt(reader.uint64()));
    else if (type === WireType.Bit64) values.push(BigInt(reader.fixed64()));
    else reader.skip(type, field);
  }
  return fields;
}
