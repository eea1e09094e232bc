import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, type TestContext, test } from "node:test";
import { Admin } from "@platformatic/kafka";
import { startKafka, startPresence, type TestKafka, type TestPresence, waitUntil } from "@realchat/presence-testing";
import { PresenceChannels } from "../grpc/presence-channels.ts";
import { SessionKeeper } from "../sessions/session-keeper.ts";
import { type FeedNews, type PresenceFeed, type PresenceFeedOptions, presenceFeed } from "./index.ts";
import { TopicWriter } from "./testing/topic-writer.ts";

let kafka: TestKafka;
before(async () => {
  kafka = await startKafka();
});
after(() => kafka.stop());

/** A feed and all that it has told. */
function follow(t: TestContext, options: Partial<PresenceFeedOptions>) {
  const feed = presenceFeed({ brokers: [kafka.brokers], ...options });
  const news: FeedNews[] = [];
  const ended = (async () => {
    for await (const one of feed) news.push(one);
  })();
  t.after(async () => {
    await feed.close();
    await ended;
  });
  return { feed, news, ended };
}

async function listening(news: readonly FeedNews[]): Promise<void> {
  await waitUntil(() => news[0]?.kind === "listening", { what: "the feed is listening" });
}

function changesOf(news: readonly FeedNews[]): string[] {
  return news.filter((one) => one.kind === "change").map(({ userId, online }) => `${userId} ${online ? "on" : "off"}`);
}

const newTopic = () => `test-${randomUUID()}`;

test("a presence node's transitions arrive, with cause, device and gateway", async (t) => {
  const topic = newTopic();
  const env = { KAFKA_BROKERS: kafka.brokers, KAFKA_TOPIC: topic, KAFKA_PARTITIONS: "4", SESSION_TTL: "2s" };
  const node: TestPresence = await startPresence({ env });
  t.after(() => node.kill());
  const { news } = follow(t, { topic });
  await listening(news);
  await using channels = new PresenceChannels({ addresses: [node.grpcAddress] });
  const keeper = new SessionKeeper({ channels, instanceId: "gw-1" });
  const handles = Array.from({ length: 40 }, (_, user) => keeper.open({ userId: `user-${user}`, deviceId: "phone" }));
  await waitUntil(() => changesOf(news).length === 40, { what: "all 40 are told to be online" });
  await Promise.all(handles.map((handle) => handle.close("logged-out")));
  await waitUntil(() => changesOf(news).length === 80, { what: "all 40 are told to be offline" });
  await keeper.drain();
  const first = news.find((one) => one.kind === "change");
  assert.equal(first?.kind, "change");
  const { online, cause, deviceId, instanceId } = first;
  assert.deepEqual(
    { online, cause, deviceId, instanceId },
    { online: true, cause: 1, deviceId: "phone", instanceId: "gw-1" },
  );
  const last = news.at(-1);
  assert.equal(last?.kind, "change");
  assert.equal(last.cause, 3);
  assert.ok(last.lastSeenMs > 1_700_000_000_000);
  assert.ok(new Set(news.map((one) => (one.kind === "change" ? one.partition : -1))).size > 2, "several partitions");
});

test("a broker that is killed and comes back costs nothing and repeats nothing", async (t) => {
  const topic = newTopic();
  const writer = await TopicWriter.start(t, kafka.brokers, topic, 4);
  const { feed, news } = follow(t, { topic });
  await listening(news);
  await writer.write(Array.from({ length: 100 }, (_, user) => ({ userId: `a-${user}`, online: true, version: 1 })));
  await waitUntil(() => changesOf(news).length === 100, { what: "the first hundred is read" });
  await kafka.kill();
  await waitUntil(() => !feed.health().ready, { what: "the loss is noticed" });
  await kafka.restart();
  const again = await TopicWriter.open(t, kafka.brokers, topic);
  await again.write(Array.from({ length: 100 }, (_, user) => ({ userId: `b-${user}`, online: true, version: 1 })));
  await waitUntil(() => changesOf(news).length >= 200, { what: "the second hundred is read" });
  assert.equal(changesOf(news).length, 200);
  assert.equal(news.filter(({ kind }) => kind === "gap").length, 0);
  assert.equal(news.filter(({ kind }) => kind === "listening").length, 1);
  // Also one that stands there twice, which may come after all that was waited for.
  const isRead = async () => feed.metrics().records === (await again.size(4));
  await waitUntil(isRead, { what: "each record that the topic holds is read once" });
  assert.ok(feed.health().ready);
});

test("a broker that freezes is given up and read again when it goes on", async (t) => {
  const topic = newTopic();
  const writer = await TopicWriter.start(t, kafka.brokers, topic, 2);
  const { feed, news } = follow(t, { topic });
  await listening(news);
  kafka.pause();
  await waitUntil(() => !feed.health().ready, { what: "the silence is noticed" });
  kafka.resume();
  await writer.write([{ userId: "alice", online: true, version: 1 }]);
  await waitUntil(() => changesOf(news).length === 1, { what: "what came later is read" });
});

test("a feed that begins before the topic exists reads it from when it does", async (t) => {
  const topic = newTopic();
  const { feed, news } = follow(t, { topic });
  await waitUntil(() => /there is no topic/.test(feed.health().detail), { what: "the feed says what is missing" });
  const writer = await TopicWriter.start(t, kafka.brokers, topic, 2);
  await listening(news);
  await writer.write([{ userId: "alice", online: true, version: 1 }]);
  await waitUntil(() => changesOf(news).length === 1, { what: "alice is told" });
});

test("a feed goes on where another one stopped, or begins at the beginning", async (t) => {
  const topic = newTopic();
  const writer = await TopicWriter.start(t, kafka.brokers, topic, 3);
  await writer.write(Array.from({ length: 30 }, (_, user) => ({ userId: `a-${user}`, online: true, version: 1 })));
  const all = follow(t, { topic, from: "beginning" });
  await waitUntil(() => changesOf(all.news).length === 30, { what: "all is read from the beginning" });
  const from = all.feed.positions();
  await writer.write([{ userId: "later", online: true, version: 1 }]);
  const rest = follow(t, { topic, from });
  await waitUntil(() => changesOf(rest.news).length > 0, { what: "the rest is read" });
  assert.deepEqual(changesOf(rest.news), ["later on"]);
});

test("records that were deleted before they were read are a gap", async (t) => {
  const topic = newTopic();
  const writer = await TopicWriter.start(t, kafka.brokers, topic, 1);
  await writer.write(Array.from({ length: 10 }, (_, user) => ({ userId: `u-${user}`, online: true, version: 1 })));
  const admin = new Admin({ clientId: "test", bootstrapBrokers: [kafka.brokers] });
  t.after(() => admin.close());
  await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 8n }] }] });
  const { feed, news } = follow(t, { topic, from: new Map([[0, 3n]]) });
  await waitUntil(() => news.some(({ kind }) => kind === "gap"), { what: "the gap is told" });
  await writer.write([{ userId: "after", online: true, version: 1 }]);
  await waitUntil(() => changesOf(news).includes("after on"), { what: "what comes after the gap is read" });
  assert.equal(feed.metrics().gaps, 1);
});

test("a topic that is deleted and made anew is a gap, and read on", async (t) => {
  const topic = newTopic();
  const writer = await TopicWriter.start(t, kafka.brokers, topic, 2);
  const { news } = follow(t, { topic });
  await listening(news);
  await writer.write([{ userId: "before", online: true, version: 1 }]);
  await waitUntil(() => changesOf(news).length === 1, { what: "the old topic is read" });
  await writer.makeAnew(2);
  await waitUntil(() => news.some(({ kind }) => kind === "gap"), { what: "the gap is told", deadlineMs: 45_000 });
  await writer.write([{ userId: "after", online: true, version: 1 }]);
  await waitUntil(() => changesOf(news).includes("after on"), { what: "the new topic is read" });
});

test("a reset is told when all partitions were restated, and once", async (t) => {
  const topic = newTopic();
  const writer = await TopicWriter.start(t, kafka.brokers, topic, 4);
  const { news } = follow(t, { topic });
  await listening(news);
  for (const partition of [0, 1, 2]) await writer.reset(partition, 5, 1_000);
  await writer.write([{ userId: "alice", online: true, version: 1_001, cause: 6 }]);
  await waitUntil(() => changesOf(news).length === 1, { what: "the restated user is told" });
  assert.equal(news.filter(({ kind }) => kind === "reset").length, 0);
  await writer.reset(3, 5, 1_000);
  await waitUntil(() => news.some(({ kind }) => kind === "reset"), { what: "the reset is told" });
  assert.deepEqual(news.at(-1), { kind: "reset", shard: 5, begin: 1_000 });
  for (const partition of [0, 1, 2, 3]) await writer.reset(partition, 5, 1_000);
  await writer.write([
    { userId: "alice", online: true, version: 1_001 },
    { userId: "bob", online: true, version: 9 },
  ]);
  await waitUntil(() => changesOf(news).includes("bob on"), { what: "what came last is read" });
  assert.equal(news.filter(({ kind }) => kind === "reset").length, 1);
  assert.deepEqual(changesOf(news), ["alice on", "bob on"]);
});

test("closing ends the iteration at once, wherever it is", async (t) => {
  const started: PresenceFeed[] = [];
  const topic = newTopic();
  await TopicWriter.start(t, kafka.brokers, topic, 1);
  const { feed, news, ended } = follow(t, { topic });
  await listening(news);
  started.push(feed);
  await feed.close();
  await ended;
  const nowhere = follow(t, { brokers: ["127.0.0.1:1"], topic });
  await waitUntil(() => nowhere.feed.metrics().failures > 0, { what: "nobody answers" });
  await nowhere.feed.close();
  await nowhere.ended;
  assert.equal(nowhere.news.length, 0);
});
