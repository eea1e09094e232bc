import { Consumer, FetchIsolationLevels, ListOffsetTimestamps } from "@platformatic/kafka";
import type { Clock } from "@realchat/presence-runtime/clock";
import type { KafkaAccess } from "../access.ts";
import { cut, outliveErrors } from "../connection/client-life.ts";
import { clientOptionsOf, defaultConnectTimeoutMs } from "../connection/client-options.ts";
import { KafkaError, kafkaErrorOf } from "../kafka-error.ts";
import { type FetchedPartition, fetchApi } from "./fetch-api.ts";
import { FetchBudget } from "./fetch-budget.ts";
import { LookAhead } from "./look-ahead.ts";
import { readCommitted } from "./read-committed.ts";
import type { AheadRecords, FetchedRecords, LogBounds, TopicReader, TopicSource } from "./topic-source.ts";

export interface KafkaTopicSettings extends KafkaAccess {
  readonly topic: string;
  /** For a broker to accept a connection; default 3,000. */
  readonly connectTimeoutMs?: number;
  readonly clock: Clock;
}

type Client = Consumer<Buffer, Buffer, Buffer, Buffer>;
type Metadata = Awaited<ReturnType<Client["metadata"]>>;

/** How long a broker may wait with its answer until there are records. */
const fetchWaitMs = 500;
const requestTimeoutMs = 5_000;
const metadataMaxAgeMs = 30_000;
const partitionMaxBytes = 1024 * 1024;
const answerMaxBytes = 10 * 1024 * 1024;
/** A fetch without a fetch session: the broker remembers nothing of it. Source: KIP-227 */
const noSession = { id: 0, epoch: -1 };

/**
 * A topic on real brokers, read by own fetches from positions that the caller keeps: no consumer group, hence no
 * rebalances, and no trace in the cluster. A client that failed is thrown away; the next one starts from what the
 * brokers say then.
 */
export class KafkaTopic implements TopicSource {
  readonly #settings: KafkaTopicSettings;

  constructor(settings: KafkaTopicSettings) {
    this.#settings = settings;
  }

  async open(attempt: number, stop: AbortSignal): Promise<TopicReader> {
    const { topic, clock, brokers } = this.#settings;
    const client = newClient(this.#settings, attempt);
    let giveUp = () => {};
    const late = new Promise<never>((_, reject) => {
      const message = `no answer from ${brokers.join(", ")} within ${requestTimeoutMs} ms`;
      giveUp = () => reject(new KafkaError("UNAVAILABLE", message));
    });
    const cancel = clock.after(requestTimeoutMs, giveUp);
    stop.addEventListener("abort", giveUp, { once: true });
    try {
      const metadata = await Promise.race([client.metadata({ topics: [topic], forceUpdate: true }), late]);
      return new KafkaTopicReader(client, topic, metadata, stop);
    } catch (error) {
      cut(client);
      throw errorOf(error, topic);
    } finally {
      cancel();
      stop.removeEventListener("abort", giveUp);
    }
  }
}

class KafkaTopicReader implements TopicReader {
  readonly topicId: string;
  readonly partitions: number;
  readonly leaders: readonly number[];
  readonly #client: Client;
  readonly #topic: string;
  readonly #leaderOf: readonly number[];
  readonly #brokers: Metadata["brokers"];
  readonly #stop: AbortSignal;
  /** By partition that is held. */
  readonly #ahead = new Map<number, LookAhead>();
  readonly #cut = () => cut(this.#client);
  #fetches = 0;

  constructor(client: Client, topic: string, metadata: Metadata, stop: AbortSignal) {
    const { id, partitions } = topicOf(metadata, topic);
    this.topicId = id;
    this.partitions = partitions.length;
    this.#client = client;
    this.#topic = topic;
    this.#leaderOf = partitions.map(({ leader }) => leader);
    this.leaders = [...new Set(this.#leaderOf)];
    this.#brokers = metadata.brokers;
    this.#stop = stop;
    stop.addEventListener("abort", this.#cut);
  }

  async bounds(): Promise<readonly LogBounds[]> {
    const [starts, highWatermarks] = await Promise.all([
      this.#offsets(ListOffsetTimestamps.EARLIEST),
      this.#offsets(ListOffsetTimestamps.LATEST),
    ]);
    return this.#leaderOf.map((_, partition) => ({
      partition,
      start: starts[partition] ?? 0n,
      highWatermark: highWatermarks[partition] ?? 0n,
    }));
  }

  async fetch(leader: number, positions: ReadonlyMap<number, bigint>): Promise<readonly FetchedRecords[]> {
    const fetched = await this.#ask(leader, positions, FetchIsolationLevels.READ_COMMITTED, fetchWaitMs);
    const budget = new FetchBudget();
    this.#fetches += 1;
    // Begins with another partition each time: the first one alone may use up the budget.
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
        // Not known: the broker then does not check them.
        ...{ currentLeaderEpoch: -1, lastFetchedEpoch: -1 },
      }));
    const topics = [{ topicId: this.topicId, partitions }];
    try {
      const broker = this.#brokers.get(leader);
      if (broker === undefined) throw new KafkaError("UNAVAILABLE", `broker ${leader} is not known`);
      const connection = await this.#client.connections.get(broker);
      const { id, epoch } = noSession;
      return await fetchApi.async(connection, waitMs, 1, answerMaxBytes, isolation, id, epoch, topics, [], "");
    } catch (error) {
      throw errorOf(error, this.#topic);
    }
  }

  async isOutdated(): Promise<boolean> {
    try {
      const { id, partitions } = topicOf(await this.#client.metadata({ topics: [this.#topic] }), this.#topic);
      return id !== this.topicId || partitions.some(({ leader }, partition) => leader !== this.#leaderOf[partition]);
    } catch (error) {
      throw errorOf(error, this.#topic);
    }
  }

  close(): void {
    this.#stop.removeEventListener("abort", this.#cut);
    this.#cut();
  }

  async #offsets(timestamp: bigint): Promise<readonly bigint[]> {
    try {
      // Also what is beyond the last stable offset.
      const isolationLevel = FetchIsolationLevels.READ_UNCOMMITTED;
      const offsets = await this.#client.listOffsets({ topics: [this.#topic], timestamp, isolationLevel });
      return offsets.get(this.#topic) ?? [];
    } catch (error) {
      throw errorOf(error, this.#topic);
    }
  }
}

/** Begins with the element at `by`. */
function rotated<T>(all: readonly T[], by: number): readonly T[] {
  const start = all.length === 0 ? 0 : by % all.length;
  return [...all.slice(start), ...all.slice(0, start)];
}

function newClient(settings: KafkaTopicSettings, attempt: number): Client {
  const { clientId, connectTimeoutMs = defaultConnectTimeoutMs } = settings;
  const client: Client = new Consumer({
    ...clientOptionsOf(settings, attempt, { connectTimeoutMs, requestTimeoutMs, metadataMaxAgeMs }),
    // Required, and never joined.
    groupId: clientId,
  });
  return outliveErrors(client);
}

function topicOf(metadata: Metadata, topic: string) {
  const found = metadata.topics.get(topic);
  if (found === undefined) throw missing(topic);
  return found;
}

function errorOf(error: unknown, topic: string): KafkaError {
  const failure = kafkaErrorOf(error);
  return failure.code === "NOT_FOUND" ? missing(topic) : failure;
}

function missing(topic: string): KafkaError {
  return new KafkaError("NOT_FOUND", `there is no topic ${JSON.stringify(topic)}`);
}
