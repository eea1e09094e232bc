import { faultOfAccess, faultOfTopic, type KafkaAccess } from "@realchat/presence-kafka/access";
import type { TopicCreation } from "@realchat/presence-kafka/producer";
import type { Clock } from "@realchat/presence-runtime";
import { PublisherRefusal } from "../publisher.ts";

export interface KafkaOptions extends KafkaAccess {
  /** Such as `presence.events.v1`. */
  readonly topic: string;
  /** How to create the topic when it does not exist; absent: then someone else must. */
  readonly createTopic?: TopicCreation;
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

/** The options with their defaults. */
export type KafkaSettings = KafkaOptions &
  Required<Pick<KafkaOptions, "source" | "publishTimeoutMs" | "requestMaxBytes">>;

/** @throws PublisherRefusal for what no broker could ever accept */
export function settingsOf(options: KafkaOptions): KafkaSettings {
  const { topic, createTopic } = options;
  const fault =
    faultOfAccess(options) ??
    faultOfTopic(topic) ??
    faultOfCount("partitions", createTopic?.partitions) ??
    faultOfCount("replication", createTopic?.replication);
  if (fault !== undefined) throw new PublisherRefusal(`Kafka: ${fault}`);
  return {
    ...options,
    source: options.source ?? "/realchat/presence",
    publishTimeoutMs: options.publishTimeoutMs ?? 10_000,
    requestMaxBytes: options.requestMaxBytes ?? 512 * 1024,
  };
}

function faultOfCount(name: string, value: number | undefined): string | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= 32_767)) return undefined;
  return `createTopic.${name} is ${value}: give a whole number from 1 to 32767`;
}
