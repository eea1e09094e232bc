import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, type TestContext, test } from "node:test";
import { Admin } from "@platformatic/kafka";
import { fetchLoop, KafkaTopic } from "@realchat/presence-kafka/consumer";
import { PresenceStatus } from "@realchat/presence-proto/presence";
import { systemClock } from "@realchat/presence-runtime/clock";
import { startKafka, startPresence, type TestKafka, type TestPresence, waitUntil } from "@realchat/presence-testing";
import { PresenceChannels } from "../grpc/presence-channels.ts";
import { SessionKeeper } from "../sessions/session-keeper.ts";
import { ContractReader } from "../testing/contract-reader.ts";
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

/** A consumer of the feed's news, as docs/contract.md has it, and one of the same records that shares no code with the feed. */
async function readersOf(t: TestContext, topic: string, from: "now" | "beginning", partitions: number) {
  const told: string[] = [];
  const reader = new ContractReader({
    partitions,
    onChange: ({ userId, online }) => told.push(`${online ? "+" : "-"}${userId}`),
  });
  const raw = new ContractReader({ partitions });
  const { feed, news } = follow(t, { topic, from });
  const stop = new AbortController();
  const records = recordsOf(topic, from, stop.signal);
  const isRead = records.read(({ partition, value }) => raw.record(partition, value));
  t.after(async () => {
    stop.abort();
    await isRead;
  });
  await Promise.all([listening(news), records.isListening]);
  let taken = 0;
  /** Takes the news so far. */
  const take = () => {
    for (; taken < news.length; taken++) {
      const one = news[taken] as FeedNews;
      if (one.kind === "change") {
        const status = one.online ? PresenceStatus.PRESENCE_STATUS_ONLINE : PresenceStatus.PRESENCE_STATUS_OFFLINE;
        reader.event(one.partition, { ...one, status });
      }
      if (one.kind === "reset") reader.reset(one.partition, one);
    }
  };
  const untilBoth = (online: readonly string[]) =>
    waitUntil(
      () => {
        take();
        return `${reader.onlineUsers}` === `${online}` && `${raw.onlineUsers}` === `${online}`;
      },
      { what: `both readers have ${online} online` },
    );
  return { feed, news, reader, raw, told, untilBoth };
}

/** Plain records of a topic, each partition from its beginning, or from now. */
function recordsOf(topic: string, from: "now" | "beginning", stop: AbortSignal) {
  const source = new KafkaTopic({ brokers: [kafka.brokers], topic, clientId: "test-reader", clock: systemClock });
  const listening = Promise.withResolvers<void>();
  return {
    isListening: listening.promise,
    async read(record: (one: { partition: number; value: Uint8Array }) => void) {
      const opened = await source.open(0, stop);
      const bounds = await opened.bounds();
      const positions = new Map(
        bounds.map(({ partition, start, highWatermark }) => [partition, from === "now" ? highWatermark : start]),
      );
      listening.resolve();
      try {
        for await (const { partitions } of fetchLoop(opened, () => positions, stop)) {
          for (const { partition, records, next } of partitions) {
            for (const { value } of records) record({ partition, value });
            positions.set(partition, next);
          }
        }
      } catch (error) {
        if (!stop.aborted) throw error;
      } finally {
        opened.close();
      }
    },
  };
}

test("after a loss each partition is reset in its turn, and readers come to the truth; also from the beginning (P8)", async (t) => {
  const topic = newTopic();
  const partitions = 3;
  const shard = 5;
  const writer = await TopicWriter.start(t, kafka.brokers, topic, partitions);
  const now = await readersOf(t, topic, "now", partitions);
  const users = Array.from({ length: 30 }, (_, user) => `user-${String(user).padStart(2, "0")}`);
  await writer.write(users.map((userId, index) => ({ userId, online: true, version: index + 1, shard })));
  await now.untilBoth(users);
  const partitionOf = new Map(now.news.flatMap((one) => (one.kind === "change" ? [[one.userId, one.partition]] : [])));
  assert.equal(new Set(partitionOf.values()).size, partitions, "users in each partition");

  // The store lost all. Of two users one is back; each partition is reset when its restatements are written.
  const [back, lost] = [users.filter((_, user) => user % 2 === 0), users.filter((_, user) => user % 2 === 1)];
  const begin = 1_000;
  let version = begin;
  const gone = new Set<string>();
  for (const partition of [2, 0, 1]) {
    const ofPartition = (userId: string) => partitionOf.get(userId) === partition;
    const restated = back
      .filter(ofPartition)
      .map((userId) => ({ userId, online: true, version: ++version, cause: 6, shard }));
    await writer.write(restated as Parameters<TopicWriter["write"]>[0]);
    await writer.reset(partition, shard, begin);
    for (const userId of lost.filter(ofPartition)) gone.add(userId);
    await now.untilBoth(users.filter((userId) => !gone.has(userId)));
  }
  assert.deepEqual(
    now.told.slice(users.length).sort(),
    lost.map((userId) => `-${userId}`),
    "nobody flickered",
  );

  // A publisher that stood still since before the loss goes on: users who are known, and one who is not.
  const frozen = [...lost, ...back, "stranger"].map((userId, index) => ({
    userId,
    online: true,
    version: 500 + index,
    shard,
  }));
  await writer.write(frozen);
  await writer.write([{ userId: "later", online: true, version: ++version, shard }]);
  const truth = ["later", ...back];
  await now.untilBoth(truth);
  await waitUntil(() => now.feed.metrics().outdated === frozen.length, { what: "what was frozen is left out" });
  const { resets, floors } = now.feed.metrics();
  assert.deepEqual({ resets, floors }, { resets: partitions, floors: partitions });

  const later = await readersOf(t, topic, "beginning", partitions);
  await later.untilBoth(truth);
  await waitUntil(() => later.feed.metrics().outdated === frozen.length, { what: "all is read" });
  assert.deepEqual(later.reader.onlineUsers, truth);
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
