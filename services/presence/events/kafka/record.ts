import type { BroadcastRecord, ProducedRecord } from "@realchat/presence-kafka/producer";
import { type CompleteMark, isMark, type PublishedEntry } from "../../domain/log-entry.ts";
import type { Transition } from "../../domain/transition.ts";
import { cloudEventAttributeNames, cloudEventOf } from "../cloud-event.ts";
import { encodeEnvelope } from "../codec.ts";

// CloudEvents Kafka protocol binding, section 3.2: in binary mode the value is the data as it is, the content type has
// its own header, and all other attributes have the prefix ce_.
const headerKeys = cloudEventAttributeNames.map((name) =>
  Buffer.from(name === "datacontenttype" ? "content-type" : `ce_${name}`),
);

// As OpenTelemetry has it for messages: https://www.w3.org/TR/trace-context/#traceparent-header
const traceparentKey = Buffer.from("traceparent");

/** What goes to Kafka for one transition. The key is the user id, so that all changes of a user are in order. */
export function recordOf(transition: Transition, source: string): ProducedRecord {
  const key = Buffer.from(transition.userId);
  const value = encodeEnvelope(transition);
  const headers = headersOf(transition, source);
  let size = key.length + value.length;
  for (const [name, content] of headers) size += name.length + content.length;
  return { key, value, headers, size };
}

/** What goes to every partition when a shard has been restated. */
export function resetRecordOf(mark: CompleteMark, source: string): BroadcastRecord {
  return { value: encodeEnvelope(mark), headers: headersOf(mark, source) };
}

function headersOf(entry: PublishedEntry, source: string): Map<Buffer, Buffer> {
  const headers = new Map<Buffer, Buffer>();
  const event = cloudEventOf(entry, source);
  for (const [index, name] of cloudEventAttributeNames.entries()) {
    const content = event[name];
    if (content !== undefined) headers.set(headerKeys[index] as Buffer, Buffer.from(content));
  }
  if (!isMark(entry) && entry.traceparent !== undefined) headers.set(traceparentKey, Buffer.from(entry.traceparent));
  return headers;
}
