import { isIP } from "node:net";
import { type Base, Consumer, ListOffsetTimestamps } from "@platformatic/kafka";
import { PresenceClientError } from "../presence-client-error.ts";
import type { FeedSettings } from "./kafka-options.ts";
import type { Bounds, FetchedRecords, TopicSession, TopicSource } from "./topic-source.ts";

/** Which topic, and how to get there. */
export type TopicSettings = Pick<FeedSettings, "brokers" | "topic" | "clientId" | "tls" | "sasl" | "clock">;

type Client = Consumer<Buffer, Buffer, Buffer, Buffer>;
type Metadata = Awaited<ReturnType<Client["metadata"]>>;
type FetchedPartition = Awaited<ReturnType<Client["fetch"]>>["responses"][number]["partitions"][number];

const connectTimeoutMs = 3_000;
/** How long a broker may keep a fetch that has nothing to bring yet, and how long any answer may take. */
const fetchWaitMs = 500;
const answerTimeoutMs = 5_000;
/** How old may be what we know of leaders and partitions. */
const metadataMaxAgeMs = 30_000;
const partitionMaxBytes = 1024 * 1024;
/** Record batches of this kind hold marks of transactions. Source: kafka.apache.org/documentation/#recordbatch */
const controlBatch = 0x20;
/** The broker's time is that of all records, and is written down once. Source: as above */
const logAppendTime = 0x08;

/**
 * A topic on real brokers, read by own fetches from positions that we keep ourselves: no consumer group, hence no
 * rebalances, and no trace in the cluster. A client that failed is thrown away; the next one starts from what the
 * brokers say then.
 */
export class KafkaTopic implements TopicSource {
  readonly #settings: TopicSettings;

  constructor(settings: TopicSettings) {
    this.#settings = settings;
  }

  async open(attempt: number, closed: AbortSignal): Promise<TopicSession> {
    const { topic, clock, brokers } = this.#settings;
    const client = newClient(this.#settings, attempt);
    let giveUp = () => {};
    const late = new Promise<never>((_, reject) => {
      const message = `no answer from ${brokers.join(", ")} within ${answerTimeoutMs} ms`;
      giveUp = () => reject(new PresenceClientError("UNAVAILABLE", message));
    });
    const cancel = clock.after(answerTimeoutMs, giveUp);
    closed.addEventListener("abort", giveUp, { once: true });
    try {
      return new KafkaTopicSession(client, topic, await Promise.race([topicMetadata(client, topic), late]));
    } catch (error) {
      cut(client);
      throw kafkaError(error, topic);
    } finally {
      cancel();
      closed.removeEventListener("abort", giveUp);
    }
  }
}

class KafkaTopicSession implements TopicSession {
  readonly topicId: string;
  readonly partitions: number;
  readonly leaders: readonly number[];
  readonly #client: Client;
  readonly #topic: string;
  readonly #leaderOf: readonly number[];

  constructor(client: Client, topic: string, metadata: Metadata) {
    const { id, partitions } = topicOf(metadata, topic);
    // Fetches look up the topics that the client follows.
    client.topics.track(topic);
    this.topicId = id;
    this.partitions = partitions.length;
    this.#client = client;
    this.#topic = topic;
    this.#leaderOf = partitions.map(({ leader }) => leader);
    this.leaders = [...new Set(this.#leaderOf)];
  }

  async bounds(): Promise<readonly Bounds[]> {
    const [first, next] = await Promise.all([
      this.#offsets(ListOffsetTimestamps.EARLIEST),
      this.#offsets(ListOffsetTimestamps.LATEST),
    ]);
    return this.#leaderOf.map((_, partition) => ({
      partition,
      first: first[partition] ?? 0n,
      next: next[partition] ?? 0n,
    }));
  }

  async fetch(leader: number, positions: ReadonlyMap<number, bigint>): Promise<readonly FetchedRecords[]> {
    const partitions = [...positions]
      .filter(([partition]) => this.#leaderOf[partition] === leader)
      .map(([partition, fetchOffset]) => ({
        ...{ partition, fetchOffset, partitionMaxBytes },
        // What we do not know: the broker then does not check it.
        ...{ currentLeaderEpoch: -1, lastFetchedEpoch: -1 },
      }));
    try {
      const { responses } = await this.#client.fetch({
        node: leader,
        topics: [{ topicId: this.topicId, partitions }],
        maxWaitTime: fetchWaitMs,
      });
      return responses.flatMap((response) =>
        response.partitions.map((fetched) => recordsOf(fetched, positions.get(fetched.partitionIndex) ?? 0n)),
      );
    } catch (error) {
      throw kafkaError(error, this.#topic);
    }
  }

  async isOutdated(): Promise<boolean> {
    try {
      const { id, partitions } = topicOf(await this.#client.metadata({ topics: [this.#topic] }), this.#topic);
      return id !== this.topicId || partitions.some(({ leader }, partition) => leader !== this.#leaderOf[partition]);
    } catch (error) {
      throw kafkaError(error, this.#topic);
    }
  }

  close(): void {
    cut(this.#client);
  }

  async #offsets(timestamp: bigint): Promise<readonly bigint[]> {
    try {
      return (await this.#client.listOffsets({ topics: [this.#topic], timestamp })).get(this.#topic) ?? [];
    } catch (error) {
      throw kafkaError(error, this.#topic);
    }
  }
}

function recordsOf({ partitionIndex, records }: FetchedPartition, position: bigint): FetchedRecords {
  let next = position;
  const found = [];
  for (const batch of records ?? []) {
    next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    if (batch.attributes & controlBatch) continue;
    for (const { offsetDelta, timestampDelta, value } of batch.records) {
      const offset = batch.firstOffset + BigInt(offsetDelta);
      const timestamp = batch.attributes & logAppendTime ? batch.maxTimestamp : batch.firstTimestamp + timestampDelta;
      // The broker sends whole batches, from the one that holds the position.
      if (offset >= position) found.push({ offset, timestampMs: Number(timestamp), value: value ?? new Uint8Array() });
    }
  }
  return { partition: partitionIndex, records: found, next };
}

function newClient({ brokers, clientId, tls, sasl }: TopicSettings, attempt: number): Client {
  const start = attempt % brokers.length;
  const client: Client = new Consumer({
    clientId,
    // Required, and never joined.
    groupId: clientId,
    bootstrapBrokers: [...brokers.slice(start), ...brokers.slice(0, start)],
    connectTimeout: connectTimeoutMs,
    requestTimeout: answerTimeoutMs,
    retries: 0,
    metadataMaxAge: metadataMaxAgeMs,
    autocreateTopics: false,
    ...(tls && {
      tls: { ca: tls.ca, cert: tls.certificate, key: tls.key },
      // RFC 6066 section 3: a server name is never an address.
      tlsServerName: brokers.every((broker) => isIP(broker.replace(/:\d+$/, "").replace(/^\[|\]$/g, "")) === 0),
    }),
    ...(sasl && { sasl: { ...sasl } }),
  });
  return outliveErrors(client);
}

/**
 * The client listens to a connection's first error only; a broker that refuses a login and then resets the socket makes
 * two, and the second one would end the process.
 */
function outliveErrors<Kind extends Pick<Base, "connections">>(client: Kind): Kind {
  client.connections.on("connecting", ({ connection }) => {
    connection?.on("error", () => {});
  });
  return client;
}

async function topicMetadata(client: Client, topic: string): Promise<Metadata> {
  return await client.metadata({ topics: [topic], forceUpdate: true });
}

function topicOf(metadata: Metadata, topic: string) {
  const found = metadata.topics.get(topic);
  if (found === undefined) throw new PresenceClientError("NOT_FOUND", missing(topic));
  return found;
}

/** The client's errors are trees with the reasons at their leaves; and they carry options, which no log should have. */
function kafkaError(error: unknown, topic: string): PresenceClientError {
  if (error instanceof PresenceClientError) return error;
  const reasons = [...new Set([...leavesOf(error)].map(({ message }) => message))].join("; ");
  const isMissing = /^Unknown topic|UNKNOWN_TOPIC/.test(reasons);
  return new PresenceClientError(isMissing ? "NOT_FOUND" : "UNAVAILABLE", isMissing ? missing(topic) : reasons);
}

function missing(topic: string): string {
  return `there is no topic ${JSON.stringify(topic)}`;
}

function* leavesOf(error: unknown): Generator<Error> {
  if (error instanceof AggregateError && error.errors.length > 0) {
    for (const part of error.errors) yield* leavesOf(part);
  } else if (error instanceof Error && error.cause !== undefined) {
    yield* leavesOf(error.cause);
  } else {
    yield error instanceof Error ? error : new Error(String(error));
  }
}

function cut(client: Client): void {
  const sockets = [...client.connections].map(([, connection]) => connection.socket);
  client.close(true).catch(() => {});
  // Closing waits until all is written, which a broker that hangs never lets happen.
  for (const socket of sockets) socket?.destroy();
}
