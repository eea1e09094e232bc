import { type Broker, Producer } from "@platformatic/kafka";
import { type Clock, withDeadline } from "@realchat/presence-runtime";
import type { KafkaAccess } from "../access.ts";
import { batchesOf } from "../batches.ts";
import { cut, outliveErrors } from "../connection/client-life.ts";
import { clientOptionsOf, defaultConnectTimeoutMs } from "../connection/client-options.ts";
import { KafkaError, kafkaErrorOf } from "../kafka-error.ts";
import { encodeBatch } from "./encode-batch.ts";
import { countPartitions, ensureTopic, type TopicCreation } from "./ensure-topic.ts";
import { partitionOf } from "./partition.ts";
import { type PartitionBatch, produceApi } from "./produce-api.ts";
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
  const options = clientOptionsOf(settings, attempt, { connectTimeoutMs, requestTimeoutMs, metadataMaxAgeMs });
  const client: Client = new Producer(options);
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
  readonly #settings: TopicProducerSettings;
  readonly #limits: { maxRecords: number; maxBytes: number };

  constructor(client: Client, settings: TopicProducerSettings, partitions: number) {
    this.partitions = partitions;
    this.lost = new Promise((resolve) => client.once("client:broker:disconnect", () => resolve()));
    this.#client = client;
    this.#settings = settings;
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
      const added = Array.from({ length: partitions - sentTo }, (_, index) => sentTo + index);
      await this.#produce(() => new Map(added.map((partition) => [partition, records])));
      // One that was added meanwhile may have records of ours already.
      sentTo = partitions;
    }
  }

  /** Cuts the connections; what is under way fails. */
  destroy(): void {
    cut(this.#client);
  }

  async #countPartitions(): Promise<number> {
    const partitions = await countPartitions(this.#client, this.#settings.topic);
    if (partitions === undefined) {
      throw new KafkaError("NOT_FOUND", `topic "${this.#settings.topic}" does not exist any more`);
    }
    this.partitions = partitions;
    return partitions;
  }

  async #sendBatch(batch: readonly ProducedRecord[]): Promise<number> {
    try {
      await this.#produce((partitions) => Map.groupBy(batch, ({ key }) => partitionOf(key, partitions)));
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

  /**
   * One request to each leader, side by side; settles when all have been answered.
   * @param recordsOf those of each partition
   * @throws KafkaError
   */
  async #produce(recordsOf: (partitions: number) => ReadonlyMap<number, readonly BroadcastRecord[]>): Promise<void> {
    const { topic, clock } = this.#settings;
    try {
      const { topics, brokers } = await this.#client.metadata({ topics: [topic] });
      const partitions = topics.get(topic)?.partitions ?? [];
      const nowMs = Math.floor(clock.nowUs() / 1_000);
      const batches = [...recordsOf(partitions.length)].map(
        ([partition, records]): PartitionBatch => [partition, encodeBatch(records, nowMs)],
      );
      const byLeader = Map.groupBy(batches, ([partition]) => partitions[partition]?.leader);
      const asked = [...byLeader].map(([leader, its]) => this.#ask(brokers.get(leader ?? -1), its));
      const failures = (await Promise.allSettled(asked)).filter((answer) => answer.status === "rejected");
      if (failures.length > 0) throw new AggregateError(failures.map(({ reason }) => reason));
    } catch (error) {
      throw kafkaErrorOf(error);
    }
  }

  async #ask(broker: Broker | undefined, batches: readonly PartitionBatch[]): Promise<void> {
    const { topic, requestTimeoutMs } = this.#settings;
    if (broker === undefined) {
      const which = batches.map(([partition]) => partition).join(", ");
      throw new KafkaError("UNAVAILABLE", `topic "${topic}" has no leader for partition ${which}`);
    }
    // The leader answers before the client stops waiting.
    const timeoutMs = Math.ceil(requestTimeoutMs / 2);
    await produceApi.async(await this.#client.connections.get(broker), { topic, timeoutMs, batches });
  }
}
