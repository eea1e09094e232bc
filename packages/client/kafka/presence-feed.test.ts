import assert from "node:assert/strict";
import { test } from "node:test";
import { KafkaError } from "@realchat/presence-kafka/error";
import { ScriptedTopic } from "@realchat/presence-kafka/testing";
import { EventEnvelope, EventType } from "@realchat/presence-proto/events";
import {
  PresenceResetEvent,
  PresenceStatus,
  PresenceUpdateEvent,
  TransitionCause,
} from "@realchat/presence-proto/presence";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { type FeedNews, PresenceFeed, presenceFeed } from "./presence-feed.ts";
import type { ResetFloor } from "./reset-floors.ts";

function update(userId: string, version: number, online = true, shard = 0): Buffer {
  const status = online ? PresenceStatus.PRESENCE_STATUS_ONLINE : PresenceStatus.PRESENCE_STATUS_OFFLINE;
  const eventType = online ? EventType.EVENT_TYPE_USER_ONLINE : EventType.EVENT_TYPE_USER_OFFLINE;
  return envelope(
    eventType,
    PresenceUpdateEvent.encode(PresenceUpdateEvent.fromPartial({ userId, status, version, shard })),
  );
}

function envelope(eventType: EventEnvelope["eventType"], payload: { finish(): Uint8Array }): Buffer {
  const message = EventEnvelope.fromPartial({ eventType, schemaVersion: 1, payload: Buffer.from(payload.finish()) });
  return Buffer.from(EventEnvelope.encode(message).finish());
}

const reset = (shard: number, begin: number) =>
  envelope(EventType.EVENT_TYPE_PRESENCE_RESET, PresenceResetEvent.encode({ shard, begin }));

/** Writes records one after the other. */
function write(topic: ScriptedTopic, partition: number, ...values: Buffer[]): void {
  for (const value of values) topic.write(partition, value);
}

async function following(partitions: number, usersMax = 100, before: Buffer[] = []) {
  const clock = new FakeClock();
  const topic = new ScriptedTopic(partitions, clock);
  write(topic, 0, ...before);
  return follow(topic, clock, { from: "now", usersMax });
}

async function follow(
  topic: ScriptedTopic,
  clock: FakeClock,
  options: { from: "now" | ReadonlyMap<number, bigint>; usersMax?: number; floors?: readonly ResetFloor[] },
) {
  const feed = new PresenceFeed({ clock, usersMax: 100, ...options }, topic);
  const news: FeedNews[] = [];
  (async () => {
    for await (const one of feed) news.push(one);
  })();
  await clock.advance(0);
  const told = () =>
    news.map((one) => (one.kind === "change" ? `${one.online ? "+" : "-"}${one.userId}@${one.version}` : one.kind));
  return { clock, topic, feed, news, told };
}

test("repetitions and older versions are left out; restatements are told", async () => {
  const { clock, topic, feed, told } = await following(1);
  write(topic, 0, update("a", 1), update("a", 2, false), update("a", 1), update("a", 2, false), update("a", 3, false));
  await clock.advance(0);
  assert.deepEqual(told(), ["listening", "+a@1", "-a@2", "-a@3"]);
  assert.equal(feed.metrics().repetitions, 2);
});

test("another status is a change of whoever stays online, or offline", async () => {
  const { clock, topic, news } = await following(1);
  const event = PresenceUpdateEvent.fromPartial({
    ...{ userId: "a", version: 2, status: PresenceStatus.PRESENCE_STATUS_OFFLINE },
    ...{
      cause: TransitionCause.TRANSITION_CAUSE_STATUS,
      userStatus: { text: "lunch", until: { seconds: 7, nanos: 0 } },
    },
  });
  write(topic, 0, envelope(EventType.EVENT_TYPE_USER_STATUS_CHANGED, PresenceUpdateEvent.encode(event)));
  await clock.advance(0);
  const change = news.at(-1);
  assert.ok(change?.kind === "change");
  assert.deepEqual([change.online, change.version, change.cause], [false, 2, 9]);
  const status = { availability: undefined, text: "lunch", emoji: "", untilMs: 7_000, idleSinceMs: 0 };
  assert.deepEqual(change.status, status);
});

test("what was written before it listens is not told", async () => {
  const { clock, topic, told } = await following(1, 100, [update("a", 1), update("b", 2)]);
  write(topic, 0, update("c", 3));
  await clock.advance(0);
  assert.deepEqual(told(), ["listening", "+c@3"]);
});

test("a topic made anew is a gap, though it has records where the old one was read", async () => {
  const { clock, topic, told } = await following(1);
  write(topic, 0, update("a", 1));
  await clock.advance(0);
  topic.remake();
  write(topic, 0, update("x", 5), update("y", 6), update("z", 7));
  await clock.advance(1_000);
  write(topic, 0, update("b", 8));
  await clock.advance(0);
  assert.deepEqual(told(), ["listening", "+a@1", "gap", "+b@8"]);
});

test("memory is bounded: the users heard of last are remembered", async () => {
  const { clock, topic, feed, told } = await following(1, 2);
  write(topic, 0, update("a", 1), update("b", 1), update("a", 2), update("c", 1));
  write(topic, 0, update("a", 2), update("b", 1));
  await clock.advance(0);
  assert.deepEqual(told().slice(1), ["+a@1", "+b@1", "+a@2", "+c@1", "+b@1"]);
  assert.equal(feed.metrics().usersRemembered, 2);
});

test("what is no event of presence stops nobody", async () => {
  const { clock, topic, feed, told } = await following(1);
  const other = envelope(EventType.EVENT_TYPE_MESSAGE_SENT, PresenceResetEvent.encode({ shard: 1, begin: 1 }));
  write(topic, 0, Buffer.from("rubbish"), Buffer.alloc(0), other, update("a", 1));
  await clock.advance(0);
  assert.deepEqual(told(), ["listening", "+a@1"]);
  assert.equal(feed.metrics().unreadable, 1);
  assert.equal(feed.metrics().records, 4);
});

test("a session that failed is replaced, and goes on where it was", async () => {
  const { clock, topic, feed, told } = await following(2);
  write(topic, 0, update("a", 1));
  await clock.advance(0);
  topic.failure = new KafkaError("UNAVAILABLE", "broken");
  write(topic, 1, update("b", 1));
  await clock.advance(0);
  assert.deepEqual(feed.health(), { ready: false, detail: "broken" });
  write(topic, 0, update("c", 1));
  await clock.advance(1_000);
  assert.deepEqual(told(), ["listening", "+a@1", "+c@1", "+b@1"]);
  assert.equal(topic.readers, 2);
  assert.equal(feed.metrics().repetitions, 0);
  assert.ok(feed.health().ready);
});

test("a reset is told for each partition, and for all once each has it; repetitions are not", async () => {
  const { clock, topic, feed, news } = await following(2);
  write(topic, 0, reset(2, 20), reset(2, 20));
  write(topic, 1, reset(2, 20), reset(2, 10));
  await clock.advance(0);
  assert.deepEqual(news.slice(1), [
    { kind: "reset", shard: 2, partition: 0, begin: 20, beginEverywhere: 0 },
    { kind: "reset", shard: 2, partition: 1, begin: 20, beginEverywhere: 20 },
  ]);
  const { resets, floors } = feed.metrics();
  assert.deepEqual({ resets, floors }, { resets: 2, floors: 2 });
});

test("what was written of before a loss is left out after the reset of its shard and partition, and nothing else", async () => {
  const { clock, topic, feed, told } = await following(2);
  write(topic, 0, update("a", 5, true, 2), reset(2, 20), update("a", 6, false, 2), update("new", 7, true, 2));
  write(topic, 0, update("other", 7, true, 3), update("a", 21, true, 2));
  write(topic, 1, update("b", 7, true, 2));
  await clock.advance(0);
  assert.deepEqual(told(), ["listening", "+a@5", "reset", "+other@7", "+a@21", "+b@7"]);
  assert.equal(feed.metrics().outdated, 2);
  assert.deepEqual([feed.floorOf(2, 0), feed.floorOf(2, 1), feed.floorOf(2, undefined)], [20, 0, 0]);
});

test("a feed that goes on where another one stopped knows its floors, and is told nothing of before the loss", async () => {
  const { clock, topic, feed } = await following(2);
  write(topic, 0, reset(3, 100));
  write(topic, 1, reset(3, 90));
  await clock.advance(0);
  assert.deepEqual(feed.floors(), [
    { shard: 3, partition: 0, begin: 100 },
    { shard: 3, partition: 1, begin: 90 },
  ]);
  const [from, floors] = [feed.positions(), feed.floors()];
  await feed.close();
  write(topic, 0, update("ghost", 50, true, 3), update("alice", 101, true, 3));
  const next = await follow(topic, clock, { from, floors });
  assert.deepEqual(next.told(), ["listening", "+alice@101"]);
  assert.equal(next.feed.floorOf(3, undefined), 90);
  assert.equal(next.feed.metrics().outdated, 1);
});

test("a partition whose reset stays away makes it a gap", async () => {
  const { clock, topic, news } = await following(2);
  write(topic, 0, reset(1, 10), reset(2, 20));
  write(topic, 1, reset(2, 20));
  await clock.advance(31_000);
  write(topic, 0, update("a", 1));
  write(topic, 0, update("b", 1));
  await clock.advance(0);
  const gaps = news.filter(({ kind }) => kind === "gap");
  assert.deepEqual(gaps, [{ kind: "gap", why: "the reset of shard 1 did not come from all partitions" }]);
});

test("more partitions are a gap: what was known of users' partitions is out of date", async () => {
  const { clock, topic, feed, news, told } = await following(1);
  write(topic, 0, update("a", 1, true, 2), reset(2, 20));
  await clock.advance(0);
  assert.equal(feed.floorOf(2, undefined), 20);
  topic.grow(2);
  await clock.advance(1_000);
  write(topic, 1, update("b", 2));
  await clock.advance(0);
  assert.deepEqual(told(), ["listening", "+a@1", "reset", "gap", "+b@2"]);
  assert.deepEqual(news[3], { kind: "gap", why: "the topic has 2 partitions, and had 1" });
  assert.equal(feed.floorOf(2, undefined), 0, "one has not reset");
});

test("a batch that cannot be read is passed over, counted, and a gap", async () => {
  const { clock, topic, feed, news, told } = await following(1);
  topic.writeUnreadable(0, "becomes more than 7 bytes when it is decompressed");
  write(topic, 0, update("a", 1));
  await clock.advance(0);
  assert.deepEqual(told(), ["listening", "+a@1", "gap"]);
  const why = "partition 0: the batch of records at 0 becomes more than 7 bytes when it is decompressed";
  assert.deepEqual(news.at(-1), { kind: "gap", why });
  const { records, unreadable } = feed.metrics();
  assert.deepEqual({ records, unreadable }, { records: 2, unreadable: 1 });
});

test("options are checked by name", () => {
  const refused = (options: object, message: RegExp) =>
    assert.throws(() => presenceFeed({ brokers: ["127.0.0.1:9092"], ...options }), {
      code: "INVALID_ARGUMENT",
      message,
    });
  refused({ brokers: [] }, /^brokers is empty/);
  refused({ brokers: ["localhost"] }, /^brokers has "localhost": write host:port/);
  refused({ usersMax: 0 }, /^usersMax is 0/);
  refused({ tls: { key: "k" } }, /^tls has only one of certificate and key/);
});
