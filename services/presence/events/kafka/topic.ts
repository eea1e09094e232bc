import { Admin, type BaseOptions, type Producer } from "@platformatic/kafka";
import { KafkaFailure, kafkaFailureOf } from "./failure.ts";
import type { TopicCreation } from "./options.ts";
import { outliveErrors } from "./outlive-errors.ts";

/**
 * Makes sure that the topic is there and that its partitions have leaders.
 * @returns how many partitions it has
 * @throws KafkaFailure when it does not exist and may not be created
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
    throw new KafkaFailure(`topic "${topic}" does not exist: create it, or allow this service to`);
  }
  await createTopic(topic, creation, options);
  const created = await countPartitions(client, topic);
  if (created === undefined) throw new KafkaFailure(`topic "${topic}" was created but is not known to all brokers yet`);
  return created;
}

/** @returns undefined when the topic does not exist */
async function countPartitions(client: Pick<Producer, "metadata">, topic: string): Promise<number | undefined> {
  try {
    const metadata = await client.metadata({ topics: [topic], forceUpdate: true });
    return metadata.topics.get(topic)?.partitionsCount;
  } catch (error) {
    // The client turns UNKNOWN_TOPIC_OR_PARTITION into an error that only its message sets apart.
    if (error instanceof Error && error.message === `Unknown topic ${topic}.`) return undefined;
    throw error;
  }
}

async function createTopic(topic: string, creation: TopicCreation, options: BaseOptions): Promise<void> {
  const admin = outliveErrors(new Admin(options));
  try {
    await admin.createTopics({
      topics: [topic],
      partitions: creation.partitions,
      replicas: creation.replication,
      // Whatever the cluster's default: compaction would drop changes that a consumer who reads late has to see.
      configs: [{ name: "cleanup.policy", value: "delete" }],
    });
  } catch (error) {
    // Another node of ours may have been quicker.
    if (!kafkaFailureOf(error).brokerErrors.includes("TOPIC_ALREADY_EXISTS")) throw error;
  } finally {
    await admin.close();
  }
}
