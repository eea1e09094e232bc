import {
  type FetchedRecords,
  headersIn,
  KafkaTopic,
  PresenceClientError,
  type TopicRecord as StoredRecord,
  type TopicSession,
  type TopicSettings,
  type UnreadableBatch,
} from "@realchat/presence-client/kafka";
import type { Clock } from "@realchat/presence-runtime/clock";
import { type Address, showAddress } from "@realchat/presence-runtime/settings";
import { CliError } from "../../cli-error.ts";
import type { TopicRecord } from "../event-record.ts";

export interface TailOptions {
  readonly brokers: readonly Address[];
  readonly topic: string;
  /** Else only what is written from now on. */
  readonly fromBeginning: boolean;
  /** Milliseconds for a broker to accept a connection. */
  readonly connectTimeoutMs: number;
  /** Absent: no TLS. `ca`: PEM, else what Node trusts. */
  readonly tls?: { readonly ca?: string };
  readonly sasl?: NonNullable<TopicSettings["sasl"]>;
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
    ...{ brokers: brokers.map(showAddress), topic, clientId: "presence-cli", connectTimeoutMs, clock },
    ...(tls && { tls }),
    ...(sasl && { sasl }),
  });
  const positions = new Map<number, bigint>();
  try {
    while (!stop.aborted) yield* readSession(await source.open(0, stop), positions, options);
  } catch (error) {
    if (!stop.aborted) throw kafkaError(error, brokers, topic);
  }
}

/** Returns when the topic's leaders or partitions are others. */
async function* readSession(
  session: TopicSession,
  positions: Map<number, bigint>,
  options: TailOptions,
): AsyncIterable<TopicRecord> {
  const { topic, fromBeginning, stop, ready, passedOver } = options;
  const close = () => session.close();
  stop.addEventListener("abort", close, { once: true });
  try {
    const isFirst = positions.size === 0;
    for (const { partition, first, next } of await session.bounds()) {
      // A partition that was added later is read from its start.
      if (!positions.has(partition)) positions.set(partition, isFirst && !fromBeginning ? next : first);
    }
    if (isFirst) ready();
    for await (const { partition, records, next, unreadable } of fetchedBy(session, positions, stop)) {
      for (const batch of unreadable) passedOver(partition, batch);
      for (const record of records) yield recordOf(topic, partition, record);
      positions.set(partition, next);
    }
  } finally {
    stop.removeEventListener("abort", close);
    session.close();
  }
}

async function* fetchedBy(
  session: TopicSession,
  positions: ReadonlyMap<number, bigint>,
  stop: AbortSignal,
): AsyncIterable<FetchedRecords> {
  type Outcome = { readonly leader: number; readonly fetched: readonly FetchedRecords[] };
  const pending = new Map<number, Promise<Outcome>>();
  while (!stop.aborted) {
    for (const leader of session.leaders) {
      if (pending.has(leader)) continue;
      const fetching = session.fetch(leader, positions).then((fetched) => ({ leader, fetched }));
      // When another one fails first, this one is not awaited any more.
      fetching.catch(() => {});
      pending.set(leader, fetching);
    }
    const { leader, fetched } = await Promise.race(pending.values());
    pending.delete(leader);
    yield* fetched;
    if (await session.isOutdated()) return;
  }
}

function recordOf(topic: string, partition: number, { offset, key, headers, value }: StoredRecord): TopicRecord {
  return {
    ...{ topic, partition, offset, value },
    key: key === undefined ? "" : Buffer.from(key).toString(),
    headers: readableHeaders(headers),
  };
}

/** One record's headers that are none do not end the reading. */
function readableHeaders(headers: Uint8Array | undefined): TopicRecord["headers"] {
  try {
    return headers === undefined ? {} : headersIn(headers);
  } catch {
    return {};
  }
}

function kafkaError(error: unknown, brokers: readonly Address[], topic: string): CliError {
  if (error instanceof PresenceClientError && error.code === "NOT_FOUND") {
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
