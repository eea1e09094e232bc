import { isIP } from "node:net";
import type { BaseOptions } from "@platformatic/kafka";
import type { KafkaAccess } from "../access.ts";

/** For a broker to accept a connection, ms, where nothing else is said. */
export const defaultConnectTimeoutMs = 3_000;

interface ClientTimes {
  /** For a broker to accept a connection. */
  readonly connectTimeoutMs: number;
  /** For a broker to answer a request. */
  readonly requestTimeoutMs: number;
  /** How old may be what is known of leaders and partitions. */
  readonly metadataMaxAgeMs: number;
}

/**
 * How a Kafka client is set up. It must not try again by itself: a client that failed is thrown away, and the next one
 * starts from what the brokers say then.
 * @param attempt counts attempts: each asks another broker first, so that one that hangs does not hold up all
 */
export function clientOptionsOf(access: KafkaAccess, attempt: number, times: ClientTimes): BaseOptions {
  const { brokers, clientId } = access;
  const { tls, sasl } = access.current?.() ?? access;
  const start = attempt % brokers.length;
  return {
    clientId,
    bootstrapBrokers: [...brokers.slice(start), ...brokers.slice(0, start)],
    connectTimeout: times.connectTimeoutMs,
    requestTimeout: times.requestTimeoutMs,
    retries: 0,
    metadataMaxAge: times.metadataMaxAgeMs,
    // A topic that the broker creates when it is asked for it has neither our partitions nor our replicas.
    autocreateTopics: false,
    ...(tls && {
      tls: { ca: tls.ca, cert: tls.certificate, key: tls.key },
      // RFC 6066 section 3: a server name is never an address.
      tlsServerName: !brokers.some(hasAddress),
    }),
    ...(sasl && { sasl: { ...sasl } }),
  };
}

function hasAddress(broker: string): boolean {
  return isIP(broker.slice(0, broker.lastIndexOf(":")).replace(/^\[|\]$/g, "")) !== 0;
}
