import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { ProduceAcks, Producer } from "@platformatic/kafka";
import { PresenceChannels } from "@realchat/presence-client";
import {
  createTopics,
  heldUp,
  sharedKafka,
  startDelivery,
  startPresence,
  startRedis,
  type TestDelivery,
  type TestPresence,
  type TestRedis,
  waitUntil,
} from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import { audienceTopics } from "../audience/sources/topics.ts";
import { conversationCreated } from "../audience/testing/event-records.ts";
import { connect, type SocketClient, toldUsers } from "../testing/socket-client.ts";

const ttlMs = 6_000;
const prefix = `loss-${randomUUID()}`;

let redis: TestRedis;
let presence: TestPresence;
/** One that is fed by Kafka, one by presence itself. */
let gateways: readonly TestDelivery[];
let channels: PresenceChannels;

before(async () => {
  const [kafka, ownRedis] = await Promise.all([sharedKafka(), startRedis()]);
  redis = ownRedis;
  await createTopics(
    kafka.brokers,
    audienceTopics.map((topic) => `${prefix}.${topic}`),
    { partitions: 1 },
  );
  const producer = new Producer({ clientId: "test", bootstrapBrokers: [kafka.brokers], retries: 20, retryDelay: 200 });
  const value = conversationCreated("room", "ann", "bob", "cid", "dan");
  const topic = `${prefix}.conversation.events.v1`;
  await producer.send({ messages: [{ topic, key: Buffer.from("room"), value }], acks: ProduceAcks.ALL });
  await producer.close();
  const presenceTopic = `${prefix}-who-is-there`;
  presence = await startPresence({
    env: {
      ...{ REDIS_URL: redis.url, KAFKA_BROKERS: kafka.brokers, KAFKA_TOPIC: presenceTopic, KAFKA_PARTITIONS: "3" },
      SESSION_TTL: `${ttlMs}ms`,
    },
  });
  channels = new PresenceChannels({ addresses: [presence.grpcAddress] });
  const topics = audienceTopics.map((name) => `${prefix}.${name}`);
  const env = {
    ...{ PRESENCE_SVC_ADDR: presence.grpcAddress, KAFKA_BROKERS: kafka.brokers, SAMPLE_CAST: "false" },
    KAFKA_TOPICS: [`presence.events.v1=${presenceTopic}`, ...topics].join(","),
  };
  gateways = await Promise.all([
    startDelivery({ env: { ...env, FEED: "kafka" } }),
    startDelivery({ env: { ...env, FEED: "watch" } }),
  ]);
});

after(async () => {
  for (const gateway of gateways ?? []) await gateway.stop();
  await channels?.close();
  await presence?.stop();
  await redis?.stop();
});

async function flushAll(): Promise<void> {
  const client = createClient({ url: redis.url });
  await client.connect();
  await client.flushAll();
  client.destroy();
}

/** What a client was shown of users since, such as `bob+`. */
function shownSince(client: SocketClient, from: number): string[] {
  return client.frames.slice(from).flatMap((frame) => {
    if (frame.type === "stale") return [`stale ${frame.stale}`];
    return toldUsers(frame).map(({ id, online }) => `${id}${online ? "+" : "-"}`);
  });
}

test("Redis loses all: nobody turns grey who is there, nothing is stale, and who left is grey in time (P8)", async () => {
  const open = (gateway: number, userId: string, deviceId?: string) =>
    connect({ address: gateways[gateway]?.socketAddress ?? "", userId, ...(deviceId !== undefined && { deviceId }) });
  const ann = await open(0, "ann");
  const watcher = await open(1, "ann", "laptop");
  const sockets = [await open(0, "bob"), await open(1, "cid")];
  // Dan's gateway dies in the moment of the loss.
  const session = {
    userId: "dan",
    deviceId: "phone",
    instanceId: "gw-dead",
    connectionId: randomUUID(),
    previousSessionId: "",
  };
  await channels.api.registerSession(session);
  for (const client of [ann, watcher]) {
    for (const user of ["bob", "cid", "dan"]) await client.untilTold(user, true);
  }

  const marks = [ann, watcher].map((client) => client.frames.length);
  const heldUpMs = heldUp(() => [redis, presence, ...gateways].map(({ pid }) => pid));
  await flushAll();
  const lostMs = performance.now();
  const newcomer = await open(0, "bob", "tv");
  for (const client of [ann, watcher]) await client.untilTold("dan", false);
  const tookMs = performance.now() - lostMs;
  assert.ok(tookMs < ttlMs + 5_000 + heldUpMs(), `after ${tookMs} ms`);
  for (const [index, client] of [ann, watcher].entries()) {
    const shown = shownSince(client, marks[index] ?? 0);
    assert.deepEqual(
      shown.filter((one) => !one.endsWith("+")),
      ["dan-"],
    );
    assert.ok(!shown.slice(shown.indexOf("dan-")).includes("dan+"), `${shown}`);
  }
  // Who came while presence recovered was told of nobody who is away what is not so.
  const seen = shownSince(newcomer, 0);
  assert.ok(!seen.includes("cid-") && !seen.includes("ann-"), `${seen}`);
  await waitUntil(() => newcomer.users.get("cid")?.online && newcomer.users.get("dan")?.online === false, {
    what: "the newcomer is shown who is there and who is not",
  });
  const fed = gateways[0] as TestDelivery;
  const resets = async () => (await fed.metrics()).get('delivery_feed_faults_total{fault="reset"}') ?? 0;
  await waitUntil(async () => (await resets()) >= 3, { what: "each partition had its reset" });
  assert.equal((await fed.metrics()).get("delivery_stale_times_total"), 0);
  for (const { socket } of [ann, watcher, newcomer, ...sockets]) socket.close();
});
