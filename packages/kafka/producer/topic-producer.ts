import { compatibilityPartitioner, ProduceAcks, Producer } from "@platformatic/kafka";
import { type Clock, withDeadline } from "@realchat/presence-runtime";
import type { KafkaAccess } from "../access.ts";
import { batchesOf } from "../batches.ts";
import { cut, outliveErrors } from "../connection/client-life.ts";
import { clientOptionsOf, defaultConnectTimeoutMs } from "../connection/client-options.ts";
import { KafkaError, kafkaErrorOf } from "../kafka-error.ts";
import { countPartitions, ensureTopic, type TopicCreation } from "./ensure-topic.ts";
import type { BroadcastRecord, ProducedRecord } from "./produced-record.ts";

export interface TopicProducerSettings extends KafkaAccess {
  readonly topic: string;
  /** How to create the topic when it does not exist; absent: then someone else must. */
  readonly createTopic?: TopicCreation;
  /** From the socket to the topic's metadata; default 3,000. */
  readonly connectTimeoutMs?: number;
  /** For a broker to answer a request. */
  readonly requestTimeoutMs: number;
  /** Of the records in one request; a topic that takes less makes it smaller. */
  readonly requestMaxBytes: number;
  readonly clock: Clock;
}

const requestMaxRecords = 1_000;
/** Java's default, metadata.max.age.ms; changes of leader are noticed by their errors. */
const metadataMaxAgeMs = 300_000;

type Client = Producer<Buffer, Buffer, Buffer, Buffer>;

/**
 * Connects to the cluster and makes sure that the topic exists.
 * @param attempt counts attempts: each asks another broker first
 * @throws KafkaError
 */
export async function openTopicProducer(settings: TopicProducerSettings, attempt: number): Promise<TopicProducer> {
  const { topic, createTopic, clock, brokers, connectTimeoutMs = defaultConnectTimeoutMs, requestTimeoutMs } = settings;
  const options = {
    ...clientOptionsOf(settings, attempt, { connectTimeoutMs, requestTimeoutMs, metadataMaxAgeMs }),
    // For how long the leader waits for its replicas. It answers before the client stops waiting.
    timeout: Math.ceil(requestTimeoutMs / 2),
  };
  const client: Client = new Producer({
    ...options,
    // Where Kafka's Java client puts the key. The default one differs when the partitions are not a power of two.
    partitioner: compatibilityPartitioner,
    repeatOnStaleMetadata: false,
  });
  outliveErrors(client);
  try {
    const partitions = await withDeadline(
      clock,
      connectTimeoutMs,
      ensureTopic(client, topic, createTopic, options),
      () => new KafkaError("UNAVAILABLE", `no answer from ${brokers.join(", ")} within ${connectTimeoutMs} ms`),
    );
    return new TopicProducer(client, settings, partitions);
  } catch (error) {
    cut(client);
    throw kafkaErrorOf(error);
  }
}

/** Writes to one topic. Once something has failed it is thrown away. */
export class TopicProducer {
  /** Of the topic, when it was last asked. */
  partitions: number;
  /** Resolves when the connection to a broker is lost. */
  readonly lost: Promise<void>;
  readonly #client: Client;
  readonly #topic: string;
  readonly #limits: { maxRecords: number; maxBytes: number };

  constructor(client: Client, settings: TopicProducerSettings, partitions: number) {
    this.partitions = partitions;
    this.lost = new Promise((resolve) => client.once("client:broker:disconnect", () => resolve()));
    this.#client = client;
    this.#topic = settings.topic;
    this.#limits = { maxRecords: requestMaxRecords, maxBytes: settings.requestMaxBytes };
  }

  /**
   * Resolves when all replicas in sync have all the records. One request after the other: order needs no more.
   * @returns how many requests it took
   * @throws KafkaError when some may be missing
   */
  async send(records: readonly ProducedRecord[]): Promise<number> {
    let requests = 0;
    for (const batch of batchesOf(records, this.#limits, ({ size }) => size)) {
      requests += await this.#sendBatch(batch);
    }
    return requests;
  }

  /**
   * Resolves when all replicas in sync have these records in every partition, in this order. Asks how many there are:
   * partitions can be added to a topic at any time, and the client would hear of them minutes later.
   * @returns how many requests it took
   * @throws KafkaError when some may be missing
   */
  async sendToAllPartitions(records: readonly BroadcastRecord[]): Promise<number> {
    let requests = 0;
    for (let sentTo = 0; ; requests++) {
      const partitions = await this.#countPartitions();
      if (partitions === sentTo) return requests;
      const messages = records.flatMap((record) =>
        Array.from({ length: partitions - sentTo }, (_, index) => ({ ...record, partition: sentTo + index })),
      );
      await this.#produce(messages);
      // One that was added meanwhile may have records of ours already.
      sentTo = partitions;
    }
  }

  /** Cuts the connections; what is under way fails. */
  destroy(): void {
    cut(this.#client);
  }

  async #countPartitions(): Promise<number> {
    const partitions = await countPartitions(this.#client, this.#topic);
    if (partitions === undefined) throw new KafkaError("NOT_FOUND", `topic "${this.#topic}" does not exist any more`);
    this.partitions = partitions;
    return partitions;
  }

  async #sendBatch(batch: readonly ProducedRecord[]): Promise<number> {
    try {
      await this.#produce(batch.map(({ key, value, headers }) => ({ key, value, headers })));
      return 1;
    } catch (failure) {
      if (!(failure instanceof KafkaError)) throw failure;
      if (failure.code !== "TOO_LARGE" || batch.length === 1) throw failure;
      // The topic takes less than brokers do by default (max.message.bytes): from here on, smaller requests.
      const bytes = batch.reduce((sum, record) => sum + record.size, 0);
      this.#limits.maxBytes = Math.ceil(bytes / 2);
      return await this.send(batch);
    }
  }

  /** @throws KafkaError */
  async #produce(records: readonly (BroadcastRecord & { key?: Buffer; partition?: number })[]): Promise<void> {
    try {
      const messages = records.map((record) => ({ topic: this.#topic, ...record }));
      // Said with every send: the client ignores it among its own options, and would ask the leader alone.
      await this.#client.send({ messages, acks: ProduceAcks.ALL });
    } catch (error) {
      throw kafkaErrorOf(error);
    }
  }
}
