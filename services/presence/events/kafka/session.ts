import { type BaseOptions, compatibilityPartitioner, ProduceAcks, Producer } from "@platformatic/kafka";
import { withDeadline } from "../deadline.ts";
import { batchesOf } from "./batches.ts";
import { clientOptionsOf } from "./client-options.ts";
import { isTooLarge, KafkaFailure, kafkaFailureOf } from "./failure.ts";
import type { KafkaSettings } from "./options.ts";
import { outliveErrors } from "./outlive-errors.ts";
import type { KafkaRecord } from "./record.ts";
import { ensureTopic } from "./topic.ts";

const requestMaxRecords = 1_000;

type Client = Producer<Buffer, Buffer, Buffer, Buffer>;

/**
 * Connects to the cluster and makes sure of the topic.
 * @param attempt counts attempts: each asks another broker first, so that one that hangs does not hold up all
 * @throws KafkaFailure
 */
export async function openKafkaSession(settings: KafkaSettings, attempt: number): Promise<KafkaSession> {
  const { topic, createTopic, clock, connectTimeoutMs, brokers } = settings;
  const options = clientOptionsOf(settings, attempt);
  const client = newClient(options);
  try {
    const partitions = await withDeadline(
      clock,
      connectTimeoutMs,
      ensureTopic(client, topic, createTopic, options),
      () => new KafkaFailure(`no answer from ${brokers.join(", ")} within ${connectTimeoutMs} ms`),
    );
    return new KafkaSession(client, settings, partitions);
  } catch (error) {
    cut(client);
    throw kafkaFailureOf(error);
  }
}

/** A working connection to the cluster, for one topic. Once something has failed it is thrown away. */
export class KafkaSession {
  readonly partitions: number;
  /** Resolves when the connection to a broker is gone. */
  readonly lost: Promise<void>;
  readonly #client: Client;
  readonly #topic: string;
  readonly #limits: { maxRecords: number; maxBytes: number };

  constructor(client: Client, settings: KafkaSettings, partitions: number) {
    this.partitions = partitions;
    this.lost = new Promise((resolve) => client.once("client:broker:disconnect", () => resolve()));
    this.#client = client;
    this.#topic = settings.topic;
    this.#limits = { maxRecords: requestMaxRecords, maxBytes: settings.requestMaxBytes };
  }

  /**
   * Resolves when all replicas in sync have all the records. One request after the other: order needs no more.
   * @returns how many requests it took
   * @throws KafkaFailure when some may be missing
   */
  async send(records: readonly KafkaRecord[]): Promise<number> {
    let requests = 0;
    for (const batch of batchesOf(records, this.#limits)) {
      requests += await this.#sendBatch(batch);
    }
    return requests;
  }

  /** Cuts the connections; what is under way fails. */
  destroy(): void {
    cut(this.#client);
  }

  async #sendBatch(batch: readonly KafkaRecord[]): Promise<number> {
    try {
      const messages = batch.map(({ key, value, headers }) => ({ topic: this.#topic, key, value, headers }));
      // Said with every send: the client ignores it among its own options, and would ask the leader alone.
      await this.#client.send({ messages, acks: ProduceAcks.ALL });
      return 1;
    } catch (error) {
      const failure = kafkaFailureOf(error);
      if (!isTooLarge(failure) || batch.length === 1) throw failure;
      // The topic takes less than brokers do by default (max.message.bytes): from here on, smaller requests.
      const bytes = batch.reduce((sum, record) => sum + record.size, 0);
      this.#limits.maxBytes = Math.ceil(bytes / 2);
      return await this.send(batch);
    }
  }
}

function newClient(options: BaseOptions): Client {
  const producer = new Producer({
    ...options,
    // Where Kafka's Java client puts the key. The default one differs when the partitions are not a power of two.
    partitioner: compatibilityPartitioner,
    repeatOnStaleMetadata: false,
  });
  return outliveErrors(producer);
}

function cut(client: Client): void {
  const sockets = [...client.connections].map(([, connection]) => connection.socket);
  client.close().catch(() => {});
  // Closing waits until all is written, which a broker that hangs never lets happen.
  for (const socket of sockets) socket?.destroy();
}
