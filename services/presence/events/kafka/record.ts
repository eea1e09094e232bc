import type { ProducedRecord } from "@realchat/presence-kafka/producer";
import type { Transition } from "../../domain/transition.ts";
import { cloudEventAttributeNames, cloudEventOf } from "../cloud-event.ts";
import { encodeEnvelope } from "../codec.ts";

// CloudEvents Kafka protocol binding, section 3.2: in binary mode the value is the data as it is, the content type has
// its own header, and all other attributes have the prefix ce_.
const headerKeys = cloudEventAttributeNames.map((name) =>
  Buffer.from(name === "datacontenttype" ? "content-type" : `ce_${name}`),
);

/** What goes to Kafka for one transition. The key is the user id, so that all changes of a user are in order. */
export function recordOf(transition: Transition, source: string): ProducedRecord {
  const key = Buffer.from(transition.userId);
  const value = encodeEnvelope(transition);
  const headers = new Map<Buffer, Buffer>();
  let size = key.length + value.length;
  const event = cloudEventOf(transition, source);
  headerKeys.forEach((headerKey, index) => {
    const headerValue = Buffer.from(event[cloudEventAttributeNames[index] as keyof typeof event]);
    headers.set(headerKey, headerValue);
    size += headerKey.length + headerValue.length;
  });
  return { key, value, headers, size };
}
