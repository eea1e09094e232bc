import type { Admin } from "@platformatic/kafka";
import { waitUntil } from "./wait-until.ts";

/**
 * Creates topics and waits until all their partitions have leaders: a broker says that a topic is created before it
 * knows it itself, and refuses for a moment what is written to it.
 * @param brokers addresses to begin with, such as `127.0.0.1:15092`
 * @param options.configs by name, such as `{ "max.message.bytes": "5000" }`
 */
export async function createTopics(
  brokers: string,
  topics: readonly string[],
  options: { partitions: number; configs?: Readonly<Record<string, string>> },
): Promise<void> {
  const configs = Object.entries(options.configs ?? {}).map(([name, value]) => ({ name, value }));
  const latest = -1n;
  const partitions = Array.from({ length: options.partitions }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp: latest,
  }));
  await withAdmin(brokers, async (admin) => {
    await admin.createTopics({ topics: [...topics], partitions: options.partitions, replicas: 1, configs });
    await waitUntil(() => admin.listOffsets({ topics: topics.map((name) => ({ name, partitions })) }), {
      what: `the topics ${topics} have leaders`,
    });
  });
}

/** Deletes a topic and waits until the broker no longer knows it: for a moment it still takes what is written to it. */
export async function deleteTopic(brokers: string, topic: string): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    await waitUntil(() => isUnknown(admin, topic), { what: `the topic ${topic} is gone` });
  });
}

async function isUnknown(admin: Admin, topic: string): Promise<boolean> {
  try {
    await admin.metadata({ topics: [topic], forceUpdate: true });
    return false;
  } catch (error) {
    if (String(error).includes("Unknown topic")) return true;
    throw error;
  }
}

async function withAdmin(brokers: string, use: (admin: Admin) => Promise<void>): Promise<void> {
  // Only now: most suites that come through this package's front door need no Kafka.
  const { Admin } = await import("@platformatic/kafka");
  const admin = new Admin({ clientId: "test-admin", bootstrapBrokers: [brokers], retries: 0 });
  try {
    await use(admin);
  } finally {
    await admin.close();
  }
}
