import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { Admin, type ConfigDescription, ConfigResourceTypes } from "@platformatic/kafka";
import { events } from "@realchat/presence-proto";
import { systemClock } from "@realchat/presence-runtime/clock";
import { createTopics, deleteTopic, sharedKafka, waitUntil } from "@realchat/presence-testing";
import { publisherContract } from "../publisher.contract.ts";
import { sampleReset, sampleTransition } from "../testing/sample-transition.ts";
import { KafkaPublisher } from "./kafka-publisher.ts";
import type { KafkaOptions } from "./options.ts";
import { assertCompleteAndOrdered, manyTransitions, publishUntilAccepted } from "./testing/stream-of-transitions.ts";
import { readTopic } from "./testing/topic-reader.ts";

describe("kafka publisher on a real broker", () => {
  let brokers: string;
  let admin: Admin;
  const toClose: (() => Promise<void>)[] = [];

  before(async () => {
    brokers = (await sharedKafka()).brokers;
    admin = new Admin({ clientId: "test-admin", bootstrapBrokers: [brokers], retries: 0 });
    toClose.push(() => admin.close());
  });
  after(async () => {
    for (const close of toClose) await close();
  });

  publisherContract(async () => {
    const topic = await newTopic(4);
    return {
      publisher: publisherOf(topic),
      versionsOf: async (userId) =>
        (await readTopic(brokers, topic)).filter(({ key }) => key === userId).map(({ update }) => update.version),
    };
  });

  test("creates the topic when allowed, with the partitions asked for and no compaction", async () => {
    const topic = newName();
    const publisher = publisherOf(topic, { createTopic: { partitions: 3, replication: 1 } });
    await publisher.open();
    // A broker may hear of a new topic a moment after the one that created it: the publisher looks again by itself.
    await waitUntil(() => publisher.health().ready, { what: "the publisher knows the topic" });
    assert.deepEqual(publisher.health(), { ready: true, detail: `topic ${topic}, 3 partitions` });
    assert.equal(await partitionsOf(topic), 3);
    assert.equal(await configOf(topic, "cleanup.policy"), "delete");
  });

  test("two nodes that create the topic at once both end up with it", async () => {
    const topic = newName();
    const nodes = [publisherOf(topic), publisherOf(topic)];
    await Promise.all(nodes.map((node) => node.open()));
    await waitUntil(() => nodes.every((node) => node.health().ready), { what: "both nodes are connected" });
  });

  test("says which topic is missing when it may not create it, and goes on as soon as someone did", async () => {
    const topic = newName();
    const publisher = publisherOf(topic, { createTopic: undefined, publishTimeoutMs: 500 });
    await publisher.open();
    const missing = `topic "${topic}" does not exist: create it, or allow this service to`;
    assert.deepEqual(publisher.health(), { ready: false, detail: missing });
    await assert.rejects(publisher.publish([sampleTransition()]), {
      message: `not accepted within 500 ms: ${missing}`,
    });

    await createTopics(brokers, [topic], { partitions: 1 });
    await publishUntilAccepted(publisher, [sampleTransition()]);
    assert.equal(publisher.health().ready, true);
  });

  test("a topic deleted under way is created again", async () => {
    const topic = await newTopic(1);
    const publisher = publisherOf(topic);
    await publisher.open();
    await publisher.publish([sampleTransition({ userId: "before" })]);
    await deleteTopic(brokers, topic);
    await publishUntilAccepted(publisher, [sampleTransition({ userId: "after" })]);
    assert.deepEqual(
      (await readTopic(brokers, topic)).map(({ key }) => key),
      ["after"],
    );
  });

  test("consumers find the envelope and CloudEvents headers", async () => {
    const topic = await newTopic(4);
    const publisher = publisherOf(topic, { source: "/test/presence" });
    await publisher.open();
    const users = ["alice", "a:b", "{x}", "emoji 😀", "ключ"];
    await publisher.publish(users.map((userId) => sampleTransition({ userId, online: false, cause: "EXPIRED" })));
    const records = await readTopic(brokers, topic);
    assert.deepEqual(records.map(({ key }) => key).sort(), [...users].sort());
    for (const { key, headers, envelope, update } of records) {
      assert.deepEqual(headers, {
        ce_specversion: "1.0",
        ce_id: "11:1790000000123456",
        ce_source: "/test/presence",
        ce_type: "realchat.presence.v1.UserOffline",
        ce_time: "2026-09-21T14:13:20.123456Z",
        ce_subject: key,
        "content-type": "application/protobuf",
      });
      assert.equal(envelope.schemaVersion, 1);
      assert.equal(update.userId, key);
    }
  });

  test("puts each user into the partition where Kafka's Java client puts him", async () => {
    // As KafkaProducer (kafka-clients 4.3.1, default partitioner) reported for a topic of 12 partitions.
    const javas = {
      a: 4,
      ab: 2,
      abc: 3,
      abcd: 8,
      abcde: 1,
      "user-1": 8,
      "user-3": 11,
      "user-42": 4,
      "a:b": 3,
      "{x}": 9,
      "emoji 😀": 0,
      ключ: 8,
      日本語: 10,
      é: 3,
      "7d444840-9dc0-11d1-b245-5ffdce74fad2": 11,
      "f47ac10b-58cc-4372-a567-0e02b2c3d479": 2,
      ["x".repeat(128)]: 3,
    };
    const topic = await newTopic(12);
    const publisher = publisherOf(topic);
    await publisher.open();
    await publisher.publish(Object.keys(javas).map((userId) => sampleTransition({ userId })));
    const ours = (await readTopic(brokers, topic)).map(({ key, partition }) => [key, partition]);
    assert.deepEqual(Object.fromEntries(ours), javas);
  });

  test("far more than fits into a request arrives whole and in order", async () => {
    const topic = await newTopic(4);
    const publisher = publisherOf(topic);
    await publisher.open();
    await publisher.publish(manyTransitions(10_000, 100));
    assert.ok(publisher.metrics().requests >= 10, `${publisher.metrics().requests} requests`);
    assertCompleteAndOrdered(await readTopic(brokers, topic), 10_000);
  });

  test("a topic that takes less than usual gets smaller requests, still one after the other", async () => {
    const topic = await newTopic(1, { "max.message.bytes": "5000" });
    const publisher = publisherOf(topic, { requestMaxBytes: 20_000 });
    await publisher.open();
    await publisher.publish(manyTransitions(500, 10));
    const { requests, bytes, failures } = publisher.metrics();
    assert.ok(requests >= bytes / 5_000, `${requests} requests for ${bytes} bytes`);
    assert.equal(failures, 0);
    assertCompleteAndOrdered(await readTopic(brokers, topic), 500);
  });

  test("a topic that cannot take even one record is named as the cause", async () => {
    const topic = await newTopic(1, { "max.message.bytes": "100" });
    const publisher = publisherOf(topic);
    await publisher.open();
    await assert.rejects(publisher.publish(manyTransitions(3, 1)), /MESSAGE_TOO_LARGE/);
    assert.match(publisher.health().detail, /the last publish failed: MESSAGE_TOO_LARGE/);
  });

  test("a reset is in every partition, behind all that was published before it", async () => {
    const topic = await newTopic(4);
    const publisher = publisherOf(topic);
    await publisher.open();
    const [before, after] = [manyTransitions(1_000, 100), manyTransitions(1_000, 100, 2_001)];
    const resets = [sampleReset({ version: 2_000 }), sampleReset({ shard: 3, version: 2_000 })];
    await publisher.publish([...before, ...resets, ...after]);
    const records = await readTopic(brokers, topic);
    for (let partition = 0; partition < 4; partition++) {
      const itsRecords = records.filter((record) => record.partition === partition);
      const sides = itsRecords.map(({ update, reset }) =>
        reset ? reset.shard : update.version < 2_000 ? "before" : "after",
      );
      const runs = sides.filter((side, index) => side !== sides[index - 1]);
      assert.deepEqual(runs, ["before", 11, 3, "after"], `partition ${partition}`);
      const { key, headers, reset, envelope } =
        itsRecords.find((record) => record.reset?.shard === 11) ?? assert.fail();
      assert.deepEqual([key, reset], [undefined, { shard: 11, begin: 1_789_999_999_000_000 }]);
      assert.equal(envelope.eventType, events.EventType.EVENT_TYPE_PRESENCE_RESET);
      assert.deepEqual([headers.ce_type, headers.ce_subject], ["realchat.presence.v1.PresenceReset", undefined]);
    }
  });

  test("a reset reaches also partitions that were added since the publisher connected", async () => {
    const topic = await newTopic(2);
    const publisher = publisherOf(topic);
    await publisher.open();
    await publisher.publish([sampleTransition()]);
    await admin.createPartitions({ topics: [{ name: topic, count: 5, assignments: null }] });
    await waitUntil(async () => (await partitionsOf(topic)) === 5, { what: "the broker tells of five partitions" });
    // A new partition may have no leader for a moment: then it is repeated.
    await publishUntilAccepted(publisher, [sampleReset()]);
    const resets = (await readTopic(brokers, topic)).filter(({ reset }) => reset !== undefined);
    assert.deepEqual([...new Set(resets.map(({ partition }) => partition))].sort(), [0, 1, 2, 3, 4]);
  });

  test("asks for the acknowledgement of all replicas in sync", async (context) => {
    const topic = await newTopic(1);
    const publisher = publisherOf(topic);
    await publisher.open();
    const write = context.mock.method(Socket.prototype, "write");
    await publisher.publish([sampleTransition()]);
    const written = write.mock.calls.map((call) => call.arguments[0] as Buffer);
    assert.deepEqual(written.filter((request) => apiKeyOf(request) === produce).map(acksOf), [allReplicas]);
  });

  const newName = () => `test-${randomUUID()}`;

  /** A topic that can be written to. */
  async function newTopic(partitions: number, configs: Record<string, string> = {}): Promise<string> {
    const topic = newName();
    await createTopics(brokers, [topic], { partitions, configs });
    return topic;
  }

  function publisherOf(topic: string, options: Partial<KafkaOptions> = {}): KafkaPublisher {
    const publisher = new KafkaPublisher({
      brokers: [brokers],
      topic,
      createTopic: { partitions: 4 },
      clientId: "test",
      clock: systemClock,
      ...options,
    });
    toClose.push(() => publisher.close(0));
    return publisher;
  }

  async function partitionsOf(topic: string): Promise<number | undefined> {
    return (await admin.metadata({ topics: [topic], forceUpdate: true })).topics.get(topic)?.partitionsCount;
  }

  async function configOf(topic: string, name: string): Promise<string | null | undefined> {
    const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: [name] }];
    const described: ConfigDescription[] = await admin.describeConfigs({ resources });
    return described[0]?.configs.find((config) => config.name === name)?.value;
  }
});

const produce = 0;
const allReplicas = -1;

/** Source: https://kafka.apache.org/protocol.html#protocol_messages: size, api key, version, correlation id, client id */
function apiKeyOf(request: Buffer): number {
  return request.readInt16BE(4);
}

/** Of a Produce request, before version 9: after the header comes the transactional id, which is null. */
function acksOf(request: Buffer): number {
  const clientIdStart = 4 + 2 + 2 + 4 + 2;
  const noTransactionalId = 2;
  return request.readInt16BE(clientIdStart + request.readInt16BE(clientIdStart - 2) + noTransactionalId);
}
