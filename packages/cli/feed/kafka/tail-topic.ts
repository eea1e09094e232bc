import type { KafkaAccess } from "@realchat/presence-kafka/access";
import {
  fetchLoop,
  headersIn,
  KafkaTopic,
  type TopicRecord as StoredRecord,
  type TopicReader,
  type UnreadableBatch,
} from "@realchat/presence-kafka/consumer";
import { KafkaError } from "@realchat/presence-kafka/error";
import type { Clock } from "@realchat/presence-runtime/clock";
import { type Address, showAddress } from "@realchat/presence-runtime/settings";
import { CliError } from "../../cli-error.ts";
import type { TopicRecord } from "../event-record.ts";

interface TailOptions extends Pick<KafkaAccess, "tls" | "sasl"> {
  readonly brokers: readonly Address[];
  readonly topic: string;
  /** Else only what is written from now on. */
  readonly fromBeginning: boolean;
  /** Milliseconds for a broker to accept a connection. */
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  /** Called when all that is written from now on will be read. */
  ready(): void;
  /** Hears of records that cannot be read, such as those that become too large when they are decompressed. */
  passedOver(partition: number, batch: UnreadableBatch): void;
}

/**
 * Reads all partitions of a topic until it is told to stop, in order within each partition, and leaves no trace of itself:
 * it is in no consumer group.
 * @throws CliError UNREACHABLE when no broker answers, NOT_FOUND when there is no such topic
 */
export async function* tailTopic(options: TailOptions): AsyncIterable<TopicRecord> {
  const { brokers, topic, connectTimeoutMs, tls, sasl, clock, stop } = options;
  const source = new KafkaTopic({
    ...{ brokers: brokers.map(showAddress), topic, clientId: "presence-cli", connectTimeoutMs, tls, sasl, clock },
  });
  const positions = new Map<number, bigint>();
  try {
    while (!stop.aborted) yield* readOn(await source.open(0, stop), positions, options);
  } catch (error) {
    if (!stop.aborted) throw kafkaError(error, brokers, topic);
  }
}

/** Returns when the topic's leaders or partitions have changed. */
async function* readOn(
  reader: TopicReader,
  positions: Map<number, bigint>,
  options: TailOptions,
): AsyncIterable<TopicRecord> {
  const { topic, fromBeginning, stop, ready, passedOver } = options;
  try {
    const isFirst = positions.size === 0;
    for (const { partition, start, highWatermark } of await reader.bounds()) {
      // A partition that was added later is read from its start.
      if (!positions.has(partition)) positions.set(partition, isFirst && !fromBeginning ? highWatermark : start);
    }
    if (isFirst) ready();
    for await (const { partitions } of fetchLoop(reader, () => positions, stop)) {
      for (const { partition, records, next, unreadable } of partitions) {
        for (const batch of unreadable) passedOver(partition, batch);
        for (const record of records) yield recordOf(topic, partition, record);
        positions.set(partition, next);
      }
    }
  } finally {
    reader.close();
  }
}

function recordOf(topic: string, partition: number, { offset, key, headers, value }: StoredRecord): TopicRecord {
  return {
    ...{ topic, partition, offset, value },
    key: key === undefined ? "" : Buffer.from(key).toString(),
    headers: readableHeaders(headers),
  };
}

/** Headers that cannot be decoded do not end the reading. */
function readableHeaders(headers: Uint8Array | undefined): TopicRecord["headers"] {
  try {
    return headers === undefined ? {} : headersIn(headers);
  } catch {
    return {};
  }
}

function kafkaError(error: unknown, brokers: readonly Address[], topic: string): CliError {
  if (error instanceof KafkaError && error.code === "NOT_FOUND") {
    return new CliError(
      "NOT_FOUND",
      `there is no topic ${topic}: presence creates it when it starts with KAFKA_BROKERS; --topic names another`,
      { cause: error },
    );
  }
  return new CliError(
    "UNREACHABLE",
    `Kafka at ${brokers.map(showAddress).join(",")} cannot be read (${(error as Error).message}): check --brokers or KAFKA_BROKERS`,
    { cause: error },
  );
}
