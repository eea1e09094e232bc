import type { Clock } from "@realchat/presence-runtime";
import { PublisherRefusal } from "../publisher.ts";

export interface KafkaOptions {
  /** `host:port` of some brokers of the cluster; the others are learned from them. */
  readonly brokers: readonly string[];
  /** Such as `presence.events.v1`. */
  readonly topic: string;
  /** How to create the topic when it does not exist; absent: then someone else must. */
  readonly createTopic?: TopicCreation;
  /** Present: TLS. */
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  /** Names this process in the brokers' logs and quotas. */
  readonly clientId: string;
  /** CloudEvents source, the same on all nodes; default `/realchat/presence`. */
  readonly source?: string;
  /** Milliseconds until a publish that is not through is rejected; default 10,000. */
  readonly publishTimeoutMs?: number;
  /** Milliseconds that an attempt to connect may take, from the socket to the topic's metadata; default 3,000. */
  readonly connectTimeoutMs?: number;
  /** Most bytes of records in one request; default 512 KiB, half of what brokers take for a batch by default. */
  readonly requestMaxBytes?: number;
  readonly clock: Clock;
}

export interface TopicCreation {
  readonly partitions: number;
  /** Replicas of each partition; absent: the cluster's default. */
  readonly replication?: number;
}

/** PEM texts. */
interface KafkaTls {
  /** Who signed the brokers' certificates; absent: the system's authorities. */
  readonly ca?: string;
  /** For mutual TLS, both. */
  readonly certificate?: string;
  readonly key?: string;
}

export const saslMechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

export interface KafkaSasl {
  readonly mechanism: (typeof saslMechanisms)[number];
  readonly username: string;
  readonly password: string;
}

/** The options with nothing left open. */
export type KafkaSettings = KafkaOptions &
  Required<Pick<KafkaOptions, "source" | "publishTimeoutMs" | "connectTimeoutMs" | "requestMaxBytes">>;

/** @throws PublisherRefusal for what no broker could ever accept */
export function settingsOf(options: KafkaOptions): KafkaSettings {
  const { brokers, topic, createTopic, tls, sasl } = options;
  refuseIf(brokers.length === 0, "no Kafka brokers given: name at least one as host:port");
  for (const broker of brokers) {
    refuseIf(!isHostPort(broker), `Kafka broker "${broker}" is not host:port, such as kafka-1:9092 or [::1]:9092`);
  }
  // Source: org.apache.kafka.common.internals.Topic.validate
  refuseIf(
    !/^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/.test(topic),
    `Kafka topic "${topic}" is not a topic name: 1 to 249 of a-z, A-Z, 0-9, ".", "_" and "-"`,
  );
  if (createTopic !== undefined) {
    refuseUnlessCount("partitions", createTopic.partitions);
    if (createTopic.replication !== undefined) refuseUnlessCount("replication", createTopic.replication);
  }
  refuseIf(
    (tls?.certificate === undefined) !== (tls?.key === undefined),
    "TLS to Kafka: certificate and key go together",
  );
  if (sasl !== undefined) {
    refuseIf(!saslMechanisms.includes(sasl.mechanism), `SASL mechanism must be one of ${saslMechanisms.join(", ")}`);
    refuseIf(sasl.username === "" || sasl.password === "", "SASL to Kafka needs a user name and a password");
  }
  return {
    ...options,
    source: options.source ?? "/realchat/presence",
    publishTimeoutMs: options.publishTimeoutMs ?? 10_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 3_000,
    requestMaxBytes: options.requestMaxBytes ?? 512 * 1024,
  };
}

function isHostPort(broker: string): boolean {
  const port = Number(/^(?:[^\s:@/[\]]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})$/.exec(broker)?.[1]);
  return port >= 1 && port <= 65_535;
}

function refuseUnlessCount(name: string, value: number): void {
  refuseIf(
    !Number.isInteger(value) || value < 1 || value > 32_767,
    `Kafka topic ${name} is ${value}: give a whole number from 1 to 32767`,
  );
}

function refuseIf(wrong: boolean, message: string): void {
  if (wrong) throw new PublisherRefusal(message);
}
