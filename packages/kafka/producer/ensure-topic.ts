import { Admin, type BaseOptions, type Producer } from "@platformatic/kafka";
import { outliveErrors } from "../connection/client-life.ts";
import { KafkaError, kafkaErrorOf } from "../kafka-error.ts";

export interface TopicCreation {
  readonly partitions: number;
  /** Replicas of each partition; absent: the cluster's default. */
  readonly replication?: number;
  /** Whether the last record of each key is kept for ever; else all are, for a time. */
  readonly isCompacted?: boolean;
}

/**
 * Makes sure that the topic exists and that its partitions have leaders.
 * @returns how many partitions it has
 * @throws KafkaError NOT_FOUND when it does not exist and may not be created
 */
export async function ensureTopic(
  client: Pick<Producer, "metadata">,
  topic: string,
  creation: TopicCreation | undefined,
  options: BaseOptions,
): Promise<number> {
  const found = await countPartitions(client, topic);
  if (found !== undefined) return found;
  if (creation === undefined) {
    throw new KafkaError("NOT_FOUND", `topic "${topic}" does not exist: create it, or allow this service to`);
  }
  await createTopic(topic, creation, options);
  const created = await countPartitions(client, topic);
  if (created !== undefined) return created;
  throw new KafkaError("UNAVAILABLE", `topic "${topic}" was created but is not known to all brokers yet`);
}

/** Asks the cluster. @returns undefined when the topic does not exist */
export async function countPartitions(client: Pick<Producer, "metadata">, topic: string): Promise<number | undefined> {
  try {
    const metadata = await client.metadata({ topics: [topic], forceUpdate: true });
    return metadata.topics.get(topic)?.partitionsCount;
  } catch (error) {
    const failure = kafkaErrorOf(error);
    if (failure.code === "NOT_FOUND") return undefined;
    throw failure;
  }
}

async function createTopic(topic: string, creation: TopicCreation, options: BaseOptions): Promise<void> {
  const admin = outliveErrors(new Admin(options));
  try {
    await admin.createTopics({
      topics: [topic],
      partitions: creation.partitions,
      replicas: creation.replication,
      // Whatever the cluster's default: a log of changes that is compacted loses some, a log of states that is not loses all.
      configs: [{ name: "cleanup.policy", value: creation.isCompacted ? "compact" : "delete" }],
    });
  } catch (error) {
    // Another node of ours may have been quicker.
    if (!kafkaErrorOf(error).brokerErrors.includes("TOPIC_ALREADY_EXISTS")) throw error;
  } finally {
    await admin.close();
  }
}
