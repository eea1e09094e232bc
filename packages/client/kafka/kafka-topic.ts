import { isIP } from "node:net";
import { type Base, Consumer, FetchIsolationLevels, ListOffsetTimestamps } from "@platformatic/kafka";
import { PresenceClientError } from "../presence-client-error.ts";
import { type FetchedPartition, fetchApi } from "./fetch-api.ts";
import { FetchBudget, LookAhead, readCommitted } from "./fetch-reading.ts";
import type { FeedSettings } from "./kafka-options.ts";
import type { AheadRecords, Bounds, FetchedRecords, TopicSession, TopicSource } from "./topic-source.ts";

/** Which topic, and how to get there. */
export interface TopicSettings extends Pick<FeedSettings, "brokers" | "topic" | "clientId" | "tls" | "sasl" | "clock"> {
  /** For a broker to accept a connection; default 3,000. */
  readonly connectTimeoutMs?: number;
}

type Client = Consumer<Buffer, Buffer, Buffer, Buffer>;
type Metadata = Awaited<ReturnType<Client["metadata"]>>;

const connectTimeoutMs = 3_000;
/** How long a broker may keep a fetch that has nothing to bring yet, and how long any answer may take. */
const fetchWaitMs = 500;
const answerTimeoutMs = 5_000;
/** How old may be what we know of leaders and partitions. */
const metadataMaxAgeMs = 30_000;
const partitionMaxBytes = 1024 * 1024;
const answerMaxBytes = 10 * 1024 * 1024;
/** A fetch that stands for itself: the broker remembers nothing of it. Source: KIP-227 */
const noSession = { id: 0, epoch: -1 };

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
  readonly #brokers: Metadata["brokers"];
  /** By partition that is held. */
  readonly #ahead = new Map<number, LookAhead>();
  #fetches = 0;

  constructor(client: Client, topic: string, metadata: Metadata) {
    const { id, partitions } = topicOf(metadata, topic);
    this.topicId = id;
    this.partitions = partitions.length;
    this.#client = client;
    this.#topic = topic;
    this.#leaderOf = partitions.map(({ leader }) => leader);
    this.leaders = [...new Set(this.#leaderOf)];
    this.#brokers = metadata.brokers;
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
    const fetched = await this.#ask(leader, positions, FetchIsolationLevels.READ_COMMITTED, fetchWaitMs);
    const budget = new FetchBudget();
    this.#fetches += 1;
    // Beginning with another one each time: the first one alone may use up the budget.
    return rotated(fetched, this.#fetches).map((one) => {
      const records = readCommitted(one, positions.get(one.partition) ?? 0n, budget);
      if (!records.isHeld) this.#ahead.delete(one.partition);
      return records;
    });
  }

  async lookAhead(leader: number, positions: ReadonlyMap<number, bigint>): Promise<readonly AheadRecords[]> {
    const ahead = new Map(
      [...positions].map(([partition, position]) => [partition, this.#aheadOf(partition, position)]),
    );
    const nexts = new Map([...ahead].map(([partition, { next }]) => [partition, next]));
    const fetched = await this.#ask(leader, nexts, FetchIsolationLevels.READ_UNCOMMITTED, 0);
    const budget = new FetchBudget();
    return rotated(fetched, this.#fetches).map((one) => {
      const { partition } = one;
      const look = ahead.get(partition) ?? this.#aheadOf(partition, 0n);
      const records = look.read(one, budget);
      return { partition, records, next: look.next };
    });
  }

  #aheadOf(partition: number, position: bigint): LookAhead {
    const known = this.#ahead.get(partition);
    if (known !== undefined && known.next >= position) return known;
    const begun = new LookAhead(position);
    this.#ahead.set(partition, begun);
    return begun;
  }

  async #ask(
    leader: number,
    positions: ReadonlyMap<number, bigint>,
    isolation: number,
    waitMs: number,
  ): Promise<readonly FetchedPartition[]> {
    const partitions = [...positions]
      .filter(([partition]) => this.#leaderOf[partition] === leader)
      .map(([partition, fetchOffset]) => ({
        ...{ partition, fetchOffset, partitionMaxBytes },
        // What we do not know: the broker then does not check it.
        ...{ currentLeaderEpoch: -1, lastFetchedEpoch: -1 },
      }));
    const topics = [{ topicId: this.topicId, partitions }];
    try {
      const broker = this.#brokers.get(leader);
      if (broker === undefined) throw new PresenceClientError("UNAVAILABLE", `broker ${leader} is not known`);
      const connection = await this.#client.connections.get(broker);
      const { id, epoch } = noSession;
      return await fetchApi.async(connection, waitMs, 1, answerMaxBytes, isolation, id, epoch, topics, [], "");
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
      // Also what transactions that are still open hold back.
      const isolationLevel = FetchIsolationLevels.READ_UNCOMMITTED;
      const offsets = await this.#client.listOffsets({ topics: [this.#topic], timestamp, isolationLevel });
      return offsets.get(this.#topic) ?? [];
    } catch (error) {
      throw kafkaError(error, this.#topic);
    }
  }
}

function rotated<T>(all: readonly T[], by: number): readonly T[] {
  const start = all.length === 0 ? 0 : by % all.length;
  return [...all.slice(start), ...all.slice(0, start)];
}

function newClient({ brokers, clientId, tls, sasl, ...settings }: TopicSettings, attempt: number): Client {
  const start = attempt % brokers.length;
  const client: Client = new Consumer({
    clientId,
    // Required, and never joined.
    groupId: clientId,
    bootstrapBrokers: [...brokers.slice(start), ...brokers.slice(0, start)],
    connectTimeout: settings.connectTimeoutMs ?? connectTimeoutMs,
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
