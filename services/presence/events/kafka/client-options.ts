import { isIP } from "node:net";
import type { BaseOptions } from "@platformatic/kafka";
import type { KafkaSettings } from "./options.ts";

/**
 * How the Kafka client is set up. It must not try again by itself: a failed client is thrown away, and its successor
 * starts from what the brokers say then.
 * @param firstBroker index of the broker to ask first
 */
export function clientOptionsOf(settings: KafkaSettings, firstBroker: number): BaseOptions {
  const { brokers, clientId, connectTimeoutMs, publishTimeoutMs, tls, sasl } = settings;
  const start = firstBroker % brokers.length;
  return {
    clientId,
    bootstrapBrokers: [...brokers.slice(start), ...brokers.slice(0, start)],
    connectTimeout: connectTimeoutMs,
    requestTimeout: publishTimeoutMs,
    // For how long the leader waits for its replicas. It answers before we stop listening.
    timeout: Math.ceil(publishTimeoutMs / 2),
    retries: 0,
    // Java's default, metadata.max.age.ms; changes of leader are noticed by their errors.
    metadataMaxAge: 300_000,
    // A topic that the broker makes up when asked for it has neither our partitions nor our replicas.
    autocreateTopics: false,
    ...(tls === undefined
      ? {}
      : {
          tls: { ca: tls.ca, cert: tls.certificate, key: tls.key },
          // RFC 6066 section 3: a server name is never an address.
          tlsServerName: !brokers.some(hasAddress),
        }),
    ...(sasl === undefined ? {} : { sasl: { ...sasl } }),
  };
}

function hasAddress(broker: string): boolean {
  return isIP(broker.slice(0, broker.lastIndexOf(":")).replace(/^\[|\]$/g, "")) !== 0;
}
