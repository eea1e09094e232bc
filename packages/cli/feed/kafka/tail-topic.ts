import { isIP } from "node:net";
import {
  Consumer,
  type Message,
  type MessagesStream,
  MessagesStreamModes,
  type SASLOptions,
} from "@platformatic/kafka";
import { type Address, type Clock, showAddress } from "@realchat/presence-runtime";
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
  readonly sasl?: SASLOptions;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  /** Called when all that is written from now on will be read. */
  ready(): void;
}

/**
 * Reads all partitions of a topic until it is told to stop, in order within each partition, and leaves no trace of
 * itself: a consumer group of its own, for which nothing is committed.
 * @throws CliError UNREACHABLE when no broker answers, NOT_FOUND when there is no such topic
 */
export async function* tailTopic(options: TailOptions): AsyncIterable<TopicRecord> {
  const { brokers, topic, fromBeginning, connectTimeoutMs, tls, sasl, clock, stop, ready } = options;
  const consumer = new Consumer({
    clientId: "presence-cli",
    groupId: `presence-cli-${Math.floor(clock.random() * 2 ** 48).toString(36)}`,
    bootstrapBrokers: [...brokers],
    connectTimeout: connectTimeoutMs,
    // A broker's first consumer group ever finds no coordinator for a moment.
    retries: 4,
    retryDelay: 500,
    autocreateTopics: false,
    // RFC 6066 §3: a server name is never an address.
    ...(tls && { tls: { ca: tls.ca }, tlsServerName: brokers.every(({ host }) => isIP(host) === 0) }),
    ...(sasl && { sasl }),
  });
  let stream: MessagesStream<Buffer, Buffer, Buffer, Buffer> | undefined;
  const close = () => stream?.close();
  try {
    await consumer.metadata({ topics: [topic], retries: 0 });
    stream = await consumer.consume({
      topics: [topic],
      mode: fromBeginning ? MessagesStreamModes.EARLIEST : MessagesStreamModes.LATEST,
      autocommit: false,
      maxWaitTime: 500,
    });
    stream.once("offsets", ready);
    stop.addEventListener("abort", close, { once: true });
    if (stop.aborted) await stream.close();
    for await (const message of stream) yield recordOf(message);
  } catch (error) {
    if (!stop.aborted) throw kafkaError(error, brokers, topic);
  } finally {
    stop.removeEventListener("abort", close);
    await consumer.close(true);
  }
}

function recordOf({ topic, partition, offset, key, value, headers }: Message): TopicRecord {
  return {
    topic,
    partition,
    offset,
    key: key?.toString() ?? "",
    headers: Object.fromEntries([...headers].map(([name, text]) => [name.toString(), text.toString()])),
    // Null in a deletion mark, which nobody should write here.
    value: value ?? new Uint8Array(),
  };
}

/** The client's errors are trees: the reasons are at the leaves. */
function kafkaError(error: unknown, brokers: readonly Address[], topic: string): CliError {
  const reasons = [...leavesOf(error)];
  if (reasons.some(({ message }) => message.startsWith("Unknown topic"))) {
    return new CliError(
      "NOT_FOUND",
      `there is no topic ${topic}: presence creates it when it starts with KAFKA_BROKERS; --topic names another`,
      { cause: error },
    );
  }
  const why = [...new Set(reasons.map((reason) => reason.message))].join("; ");
  return new CliError(
    "UNREACHABLE",
    `Kafka at ${brokers.map(showAddress).join(",")} cannot be read (${why}): check --brokers or KAFKA_BROKERS`,
    { cause: error },
  );
}

function* leavesOf(error: unknown): Generator<Error> {
  if (error instanceof AggregateError && error.errors.length > 0)
    for (const part of error.errors) yield* leavesOf(part);
  else if (error instanceof Error && error.cause !== undefined) yield* leavesOf(error.cause);
  else yield error instanceof Error ? error : new Error(String(error));
}
