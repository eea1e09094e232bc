import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { ProduceAcks, Producer } from "@platformatic/kafka";
import { systemClock } from "@realchat/presence-runtime/clock";
import {
  bareEnvironment,
  createTopics,
  deleteTopic,
  repository,
  sharedKafka,
  startChild,
  startKafka,
  startRedis,
  type TestRedis,
  temporaryFolder,
  waitUntil,
} from "@realchat/presence-testing";
import { everything, merge } from "../../privacy/policy.ts";
import { RedisPolicyDirectory } from "../../privacy/redis/redis-policy-directory.ts";
import { PolicyWriter } from "../../privacy/sources/policy-writer.ts";
import type { AudienceDirectory } from "../directory.ts";
import { MemoryDirectory } from "../memory/memory-directory.ts";
import { RedisDirectory } from "../redis/redis-directory.ts";
import { block, contact, conversationCreated, membershipChanged } from "../testing/event-records.ts";
import { RecordedListener } from "../testing/recorded-listener.ts";
import { KafkaSource } from "./kafka-source.ts";
import { type AudienceTopic, audienceTopics, type TopicNames } from "./topics.ts";

type Codec = "none" | "gzip" | "snappy" | "lz4" | "zstd";

const patient = { deadlineMs: 30_000 };
const silent = { info() {}, warn() {}, error() {} } as never;

/** Topics of this test's own, how to write to them, and how to follow them. */
class Scene {
  readonly #brokers: string;
  readonly #prefix = `audience-${randomUUID()}`;
  readonly #producer: Producer;

  constructor(t: TestContext, brokers: string) {
    this.#brokers = brokers;
    const options = { clientId: "test", bootstrapBrokers: [brokers], retries: 20, retryDelay: 200 };
    this.#producer = new Producer(options);
    t.after(() => this.#producer.close());
  }

  nameOf(topic: AudienceTopic): string {
    return `${this.#prefix}.${topic}`;
  }

  async create(...topics: AudienceTopic[]): Promise<void> {
    const names = topics.map((topic) => this.nameOf(topic));
    // As brokers before Kafka 4 do, they take any timestamp.
    const configs = { "message.timestamp.after.max.ms": String(2n ** 63n - 1n) };
    await createTopics(this.#brokers, names, { partitions: 4, configs });
  }

  async remove(topic: AudienceTopic): Promise<void> {
    await deleteTopic(this.#brokers, this.nameOf(topic));
  }

  /** @param key decides on the partition */
  async write(topic: AudienceTopic, key: string, value: Buffer | undefined): Promise<void> {
    const message = { topic: this.nameOf(topic), key: Buffer.from(key), value };
    await this.#producer.send({ messages: [message], acks: ProduceAcks.ALL });
  }

  /** As a producer with a clock, or a compression, of its own. */
  async send(topic: AudienceTopic, values: readonly Buffer[], as: { atMs?: number; compression?: Codec } = {}) {
    const { atMs, compression } = as;
    const timestamp = atMs === undefined ? undefined : BigInt(Math.floor(atMs));
    const messages = values.map((value) => ({ topic: this.nameOf(topic), partition: 0, value, timestamp }));
    await this.#producer.send({ messages, acks: ProduceAcks.ALL, compression });
  }

  /** Writes in a transaction, in batches of that many, and leaves it open. */
  async begin(
    t: TestContext,
    topic: AudienceTopic,
    values: readonly Buffer[],
    batchSize = values.length,
    key?: string,
  ) {
    const producer = new Producer({
      ...{ clientId: "test", bootstrapBrokers: [this.#brokers], retries: 20, retryDelay: 200 },
      ...{ idempotent: true, transactionalId: randomUUID() },
    });
    t.after(() => producer.close());
    const transaction = await producer.beginTransaction();
    for (let start = 0; start < values.length; start += batchSize) {
      const some = values.slice(start, start + batchSize);
      const record = { topic: this.nameOf(topic), partition: 0, ...(key !== undefined && { key: Buffer.from(key) }) };
      const messages = some.map((value) => ({ ...record, value }));
      await transaction.send({ messages });
    }
    return transaction;
  }

  /** A gateway's source over the directory. */
  follow(t: TestContext, directory: AudienceDirectory) {
    const listener = new RecordedListener();
    const source = new KafkaSource({
      kafka: { brokers: [this.#brokers], clientId: "test" },
      topics: Object.fromEntries(audienceTopics.map((topic) => [topic, this.nameOf(topic)])) as TopicNames,
      log: silent,
      clock: systemClock,
      ...{ directory, listener },
    });
    source.start();
    t.after(() => source.stop());
    return { source, listener };
  }
}

function untilComplete(source: KafkaSource): Promise<unknown> {
  return waitUntil(() => source.isComplete, { what: `all history is read (${source.health().detail})`, ...patient });
}

function untilSees(directory: AudienceDirectory, viewer: string, users: readonly string[]): Promise<unknown> {
  const looks = async () => `${(await directory.visibleTo(viewer, 1_000)).users.sort()}` === `${users}`;
  return waitUntil(looks, { what: `${viewer} sees ${users}`, ...patient });
}

describe("audience from a real Kafka", () => {
  let brokers: string;
  let redis: TestRedis;
  before(async () => {
    brokers = (await sharedKafka()).brokers;
    redis = await startRedis();
  });
  const folder = temporaryFolder("audience-program");
  after(async () => {
    await redis.stop();
    folder.remove();
  });

  async function redisDirectory(t: TestContext, keyPrefix = ""): Promise<RedisDirectory> {
    const directory = new RedisDirectory({ url: redis.url, keyPrefix }, systemClock);
    await directory.open();
    t.after(() => directory.close());
    return directory;
  }

  test("a policy that a user changes is in the topic, made for it, and on all gateways when the user is answered", async (t) => {
    const scene = new Scene(t, brokers);
    const stored = await redisDirectory(t, "policies:");
    const { source } = scene.follow(t, stored);
    const { source: other, listener } = scene.follow(t, new MemoryDirectory({}, systemClock));
    const kafka = { brokers: [brokers], clientId: "test" };
    const writer = new PolicyWriter({ kafka, topic: scene.nameOf("presence.privacy"), clock: systemClock });
    t.after(() => writer.close());
    await untilComplete(source);
    await source.atEndOfPrivacy();
    const policies = new RedisPolicyDirectory(stored.server);
    const forEver = new AbortController().signal;
    const invisible = merge(everything, { invisible: true });
    await writer.write("ann", invisible, forEver);
    await Promise.all([source.atEndOfPrivacy(), other.atEndOfPrivacy()]);
    assert.deepEqual((await policies.policiesOf(["ann"])).get("ann")?.policy, invisible);
    assert.deepEqual(listener.policyOwners, ["ann"]);
    const startedMs = systemClock.monotonicMs();
    for (const policy of [everything, invisible]) {
      await writer.write("ann", policy, forEver);
      await source.atEndOfPrivacy();
      assert.deepEqual((await policies.policiesOf(["ann"])).get("ann")?.policy, policy);
    }
    t.diagnostic(`${Math.round((systemClock.monotonicMs() - startedMs) / 2)} ms a change`);
    await scene.write("presence.privacy", "ann", undefined);
    await source.atEndOfPrivacy();
    assert.deepEqual((await policies.policiesOf(["ann"])).get("ann")?.policy, everything);
  });

  test("history and news of all partitions reach the directory, malformed ones aside", async (t) => {
    const scene = new Scene(t, brokers);
    await scene.create(...audienceTopics);
    const friends = Array.from({ length: 20 }, (_, index) => `friend-${index}`).sort();
    for (const friend of friends) {
      await scene.write("contact.added", friend, contact(friend, "ann"));
      await scene.write("contact.added", `ann-${friend}`, contact("ann", friend));
    }
    await scene.write("contact.added", "ann", Buffer.from("rubbish"));
    const directory = new MemoryDirectory({}, systemClock);
    const { source, listener } = scene.follow(t, directory);
    await untilComplete(source);
    assert.deepEqual((await directory.visibleTo("ann", 100)).users.sort(), friends);
    assert.equal(source.metrics().get("contact.added")?.malformed, 1);
    await scene.write("conversation.events.v1", "room", conversationCreated("room", "ann", "bob", "cid"));
    await untilSees(directory, "bob", ["ann", "cid"]);
    await scene.write("user.blocked", "ann", block("ann", "bob"));
    await untilSees(directory, "bob", ["cid"]);
    await scene.write("user.unblocked", "ann", block("ann", "bob"));
    await untilSees(directory, "bob", ["ann", "cid"]);
    await scene.write("conversation.events.v1", "room", membershipChanged("room", "cid", false));
    await untilSees(directory, "bob", ["ann"]);
    assert.ok(listener.isAffected("cid", "bob"));
  });

  test("a topic that is created later is read then; one that is made anew, from its new start", async (t) => {
    const scene = new Scene(t, brokers);
    await scene.create("contact.added");
    const directory = new MemoryDirectory({}, systemClock);
    const { source } = scene.follow(t, directory);
    await untilComplete(source);
    await scene.create("conversation.events.v1");
    for (const id of ["bob", "cid"])
      await scene.write("conversation.events.v1", "x", conversationCreated(id, "ann", id));
    await untilSees(directory, "ann", ["bob", "cid"]);
    await scene.remove("conversation.events.v1");
    await waitUntil(() => source.health().detail.includes("conversation.events.v1: does not exist"), {
      what: "it was noticed that the topic is gone",
      ...patient,
    });
    await scene.create("conversation.events.v1");
    await scene.write("conversation.events.v1", "x", conversationCreated("dan", "ann", "dan"));
    await untilSees(directory, "ann", ["bob", "cid", "dan"]);
  });

  test("two gateways on one Redis apply everything once, and both hear of it; a third goes on where they are", async (t) => {
    const scene = new Scene(t, brokers);
    await scene.create(...audienceTopics);
    const directories = [await redisDirectory(t), await redisDirectory(t)];
    const gateways = directories.map((directory) => scene.follow(t, directory));
    for (const { source } of gateways) await untilComplete(source);
    const crowd = Array.from({ length: 50 }, (_, index) => `user-${index}`);
    for (const user of crowd) await scene.write("conversation.events.v1", user, membershipChanged("hall", user, true));
    const [last, first] = [crowd.at(-1) as string, crowd[0] as string];
    for (const { listener } of gateways) {
      await waitUntil(() => listener.isAffected(first, last), { what: "the gateway was told", ...patient });
    }
    assert.equal((await directories[0]?.visibleTo(first, 100))?.users.length, 49);
    const { positions } = (await directories[0]?.state()) ?? {};
    const records = [...(positions ?? [])].reduce((sum, [, { offset }]) => sum + offset + 1, 0);
    assert.equal(records, 50);
    const third = scene.follow(t, await redisDirectory(t));
    await untilComplete(third.source);
    assert.equal(third.source.metrics().get("conversation.events.v1")?.records, 0);
  });

  for (const [what, aheadMs] of Object.entries({ "5 minutes ahead": 300_000, "in 2096": 70 * 365 * 86_400_000 })) {
    test(`a record that is ${what} dates nobody else's`, async (t) => {
      const scene = new Scene(t, brokers);
      await scene.create(...audienceTopics);
      const nowMs = () => systemClock.nowUs() / 1_000;
      await scene.send("conversation.events.v1", [
        conversationCreated("one", "w", "ada"),
        conversationCreated("two", "zoe", "yan"),
      ]);
      const directory = new MemoryDirectory({}, systemClock);
      const { source } = scene.follow(t, directory);
      await untilComplete(source);
      await scene.send("user.unblocked", [block("zoe", "yan")], { atMs: nowMs() + aheadMs });
      await scene.send("user.unblocked", [block("w", "ada")]);
      await untilSees(directory, "w", ["ada"]);
      await scene.send("user.blocked", [block("w", "ada"), block("zoe", "yan")]);
      await untilSees(directory, "w", []);
      await untilSees(directory, "zoe", []);
      // And so for a gateway that begins then, and knows of no record when it came.
      const later = new MemoryDirectory({}, systemClock);
      await untilComplete(scene.follow(t, later).source);
      assert.deepEqual(await later.visibleTo("w", 10), { users: [], more: false });
      assert.deepEqual(await later.visibleTo("zoe", 10), { users: [], more: false });
    });
  }

  test("the program that docs/audience.md gives to paste creates a conversation", async (t) => {
    const scene = new Scene(t, brokers);
    await scene.create("conversation.events.v1");
    const document = readFileSync(join(repository, "docs/audience.md"), "utf8");
    const [, program = ""] = /```js\n([^`]*)```/.exec(document) ?? [];
    const child = await startChild(process.execPath, ["--input-type=module", "--eval", program], {
      ...{ logFile: join(folder.path, "output"), cwd: repository },
      env: { ...bareEnvironment, KAFKA_BROKERS: brokers, TOPIC: scene.nameOf("conversation.events.v1") },
    });
    assert.equal(await child.untilEnded(), 0, child.output());
    const directory = new MemoryDirectory({}, systemClock);
    scene.follow(t, directory);
    await untilSees(directory, "ann", ["bob"]);
  });

  test("behind an open transaction all that others wrote counts, and it is complete when the transaction ends", async (t) => {
    const scene = new Scene(t, brokers);
    await scene.create(...audienceTopics);
    const friends = ["aborted", "committed", "held", "plain"];
    await scene.send("conversation.events.v1", [conversationCreated("room", "ann", ...friends)]);
    const held = await scene.begin(t, "user.blocked", [block("ann", "held")]);
    const committed = await scene.begin(t, "user.blocked", [block("ann", "committed")]);
    const aborted = await scene.begin(t, "user.blocked", [block("ann", "aborted")]);
    await scene.send("user.blocked", [block("ann", "plain")]);
    const heldPolicy = await scene.begin(t, "presence.privacy", [Buffer.from("{}")], 1, "bob");
    const policy = await scene.begin(t, "presence.privacy", [Buffer.from('{"invisible":true}')], 1, "ann");
    for (const ended of [committed, policy]) await ended.commit();
    await aborted.abort();
    const directory = new MemoryDirectory({}, systemClock);
    const { source, listener } = scene.follow(t, directory);
    await untilSees(directory, "ann", ["aborted", "held"]);
    assert.ok(listener.isAffected("ann", "plain"));
    await waitUntil(() => directory.policyOf("ann") !== undefined, { what: "the policy is applied", ...patient });
    await source.atEndOfPrivacy();
    await waitUntil(() => !source.health().ready && /from 0 to 6/.test(source.health().detail), {
      what: `it says what it cannot read (${source.health().detail})`,
      ...patient,
    });
    assert.equal(source.isComplete, false);
    for (const ended of [held, heldPolicy]) await ended.commit();
    await untilComplete(source);
    await untilSees(directory, "ann", ["aborted"]);
    assert.ok(source.health().ready);
  });

  test("an aborted transaction that takes many answers of the broker shows nobody", async (t) => {
    const scene = new Scene(t, brokers);
    await scene.create(...audienceTopics);
    await scene.send("conversation.events.v1", [conversationCreated("room", "ann", "bob")]);
    await scene.send("user.blocked", [block("ann", "bob")]);
    const padding = "x".repeat(100_000);
    const unblock = Buffer.from(JSON.stringify({ user_id: "ann", blocked: "bob", padding }));
    const many = await scene.begin(
      t,
      "user.unblocked",
      Array.from({ length: 30 }, () => unblock),
      5,
    );
    await many.abort();
    const directory = new MemoryDirectory({}, systemClock);
    const { source } = scene.follow(t, directory);
    await untilComplete(source);
    assert.deepEqual(await directory.visibleTo("ann", 10), { users: [], more: false });
    assert.equal(source.metrics().get("user.unblocked")?.records, 0);
  });

  for (const compression of ["gzip", "snappy", "lz4", "zstd"] as const) {
    test(`records in ${compression} are read, and a batch that would become too large is passed over`, async (t) => {
      const scene = new Scene(t, brokers);
      await scene.create(...audienceTopics);
      await scene.send("contact.added", [contact("ann", "bob"), contact("bob", "ann")], { compression });
      const bomb = Buffer.alloc(20 * 1024 * 1024, " ");
      await scene.send("contact.added", [contact("ann", "cid"), bomb], { compression });
      await scene.send("contact.added", [contact("ann", "dan"), contact("dan", "ann")], { compression });
      const directory = new MemoryDirectory({}, systemClock);
      const { source } = scene.follow(t, directory);
      await untilComplete(source);
      await untilSees(directory, "ann", ["bob", "dan"]);
      const { unreadable, malformed, records } = source.metrics().get("contact.added") ?? {};
      assert.deepEqual({ unreadable, malformed, records }, { unreadable: 1, malformed: 0, records: 4 });
    });
  }

  test("when Redis loses its data, it is filled again from Kafka", async (t) => {
    const scene = new Scene(t, brokers);
    await scene.create(...audienceTopics);
    await scene.write("conversation.events.v1", "room", conversationCreated("nook", "eve", "fay"));
    const directory = await redisDirectory(t);
    const { source } = scene.follow(t, directory);
    await untilComplete(source);
    await redis.restart();
    await waitUntil(() => source.isComplete && directory.health().ready, { what: "it is complete again", ...patient });
    await untilSees(directory, "eve", ["fay"]);
  });
});

test("a broker that is killed and comes back costs nothing", async (t) => {
  const kafka = await startKafka();
  t.after(() => kafka.stop());
  const scene = new Scene(t, kafka.brokers);
  await scene.create(...audienceTopics);
  const directory = new MemoryDirectory({}, systemClock);
  const { source } = scene.follow(t, directory);
  await untilComplete(source);
  await scene.write("conversation.events.v1", "room", conversationCreated("a", "ann", "bob"));
  await untilSees(directory, "ann", ["bob"]);
  await kafka.kill();
  await waitUntil(() => (source.metrics().get("conversation.events.v1")?.failures ?? 0) > 0, {
    what: "the source noticed",
    ...patient,
  });
  assert.ok(source.isComplete, "what is known stays known");
  await kafka.restart();
  await scene.write("conversation.events.v1", "room", conversationCreated("b", "ann", "cid"));
  await untilSees(directory, "ann", ["bob", "cid"]);
  assert.equal(source.metrics().get("conversation.events.v1")?.records, 2);
});
