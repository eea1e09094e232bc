import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { ProduceAcks, Producer } from "@platformatic/kafka";
import {
  type ReceivedSpan,
  startOtlpReceiver,
  type TestOtlpReceiver,
} from "@realchat/presence-runtime/tracing/testing";
import {
  createTopics,
  sharedKafka,
  startDelivery,
  startPresence,
  startRedis,
  type TestDelivery,
  type TestPresence,
  type TestRedis,
  waitUntil,
} from "@realchat/presence-testing";
import { type AudienceTopic, audienceTopics } from "../audience/sources/topics.ts";
import { block, contact, conversationCreated, membershipChanged } from "../audience/testing/event-records.ts";
import { connect, type SocketClient, toldUsers } from "../testing/socket-client.ts";

const prefix = `two-gateways-${randomUUID()}`;
const nameOf = (topic: AudienceTopic) => `${prefix}.${topic}`;
/** Ends with nothing that a gateway could know it by. */
const presenceTopic = `${prefix}-who-is-there`;

let collector: TestOtlpReceiver;
let redis: TestRedis;
let presence: TestPresence;
let gateways: readonly [TestDelivery, TestDelivery];
let producer: Producer;

before(async () => {
  const [kafka, ownRedis, ownCollector] = await Promise.all([sharedKafka(), startRedis(), startOtlpReceiver()]);
  redis = ownRedis;
  collector = ownCollector;
  const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_BSP_SCHEDULE_DELAY: "20" };
  const client = { clientId: "test", bootstrapBrokers: [kafka.brokers], retries: 20, retryDelay: 200 };
  producer = new Producer(client);
  await createTopics(kafka.brokers, audienceTopics.map(nameOf), { partitions: 3 });
  presence = await startPresence({
    env: { REDIS_URL: redis.url, KAFKA_BROKERS: kafka.brokers, KAFKA_TOPIC: presenceTopic, ...traced },
  });
  const env = {
    ...{ PRESENCE_SVC_ADDR: presence.grpcAddress, REDIS_URL: redis.url, KAFKA_BROKERS: kafka.brokers },
    KAFKA_TOPICS: [`presence.events.v1=${presenceTopic}`, ...audienceTopics.map(nameOf)].join(","),
    SAMPLE_CAST: "false",
    ...traced,
  };
  const named = (OTEL_SERVICE_NAME: string) => startDelivery({ env: { ...env, OTEL_SERVICE_NAME } });
  gateways = await Promise.all([named("gateway-0"), named("gateway-1")]);
  const hears = async (gateway: TestDelivery) => (await gateway.metrics()).get("delivery_feed_ready") === 1;
  for (const gateway of gateways) await waitUntil(() => hears(gateway), { what: "it hears of changes" });
});

after(async () => {
  const codes = await Promise.all((gateways ?? []).map((gateway) => gateway.stop()));
  await presence?.stop();
  await producer?.close();
  await redis?.stop();
  await collector?.stop();
  for (const code of codes) assert.equal(code, 0);
});

async function write(topic: AudienceTopic, key: string, value: Buffer): Promise<void> {
  await producer.send({ messages: [{ topic: nameOf(topic), key: Buffer.from(key), value }], acks: ProduceAcks.ALL });
}

const open = (gateway: 0 | 1, userId: string) => connect({ address: gateways[gateway].socketAddress, userId });

/** Waits until the client was told that he may not see the user, and holds nothing of him. */
const untilHidden = (client: SocketClient, userId: string) =>
  waitUntil(
    () =>
      !client.users.has(userId) &&
      client.frames.some((frame) => frame.type === "hidden" && frame.users.includes(userId)),
    { what: `${userId} is hidden` },
  );

/** What the client was told last of its own policy. */
function lastPolicy({ frames }: SocketClient) {
  const own = frames.findLast((frame) => frame.type === "self" && frame.policy !== undefined);
  return own?.type === "self" ? own.policy : undefined;
}

describe("two gateways on Redis and Kafka", () => {
  test("a dot goes from one to the other", async () => {
    await write("conversation.events.v1", "room", conversationCreated("room", "ann", "bob"));
    const ann = await open(0, "ann");
    const bob = await open(1, "bob");
    await ann.untilTold("bob", true);
    await bob.untilTold("ann", true);
    bob.say({ type: "logout" });
    // A look-up may overtake the record, and knows no cause.
    const { cause = "logged_out" } = await ann.untilTold("bob", false);
    assert.equal(cause, "logged_out");
    ann.socket.close();
    const told = async () => (await gateways[0].metrics()).get('delivery_feed_records_total{outcome="told"}') ?? 0;
    await waitUntil(async () => (await told()) >= 3, { what: "three records are told" });
    const heard = await gateways[0].metrics();
    assert.equal(heard.get('delivery_feed_records_total{outcome="unreadable"}'), 0);
    assert.equal(heard.get('delivery_feed_faults_total{fault="gap"}'), 0);
    assert.ok((heard.get("delivery_feed_users") ?? 0) >= 2);
    assert.ok(heard.has('delivery_bound_limit{bound="directory_commands"}'));
  });

  test("one trace leads from the registration at one to the frame on a socket of the other", async () => {
    const others = ["max", "ned", "oli"];
    await write("conversation.events.v1", "den", conversationCreated("den", "lou", ...others));
    const lou = await open(0, "lou");
    for (const userId of others) await lou.untilTold(userId, false);
    const clients = [lou];
    let at: number | undefined;
    // A look-up that overtakes the record knows nothing of its trace, nor of when the user came.
    for (const userId of others) {
      clients.push(await open(1, userId));
      at ??= (await lou.untilTold(userId, true)).at;
    }
    const told = await collector.untilSpan("lou is told of one", ({ name, service, attributes }) => {
      const atMs = Math.floor(Number(attributes["presence.version"]) / 1_000);
      return name === "tell sockets" && service === "gateway-0" && atMs === at;
    });
    const path = [told];
    for (let { parentSpanId } = told; parentSpanId !== ""; parentSpanId = (path.at(-1) as ReceivedSpan).parentSpanId) {
      path.push(await collector.untilSpan(`span ${parentSpanId}`, ({ spanId }) => spanId === parentSpanId));
    }
    const registration = "realchat.presence.v1.PresenceApi/RegisterSession";
    assert.deepEqual(
      path.reverse().map(({ service, name }) => `${service}: ${name}`),
      [
        ...[`gateway-1: ${registration}`, `presence: ${registration}`],
        ...["presence: publish to kafka", "gateway-0: tell sockets"],
      ],
    );
    assert.equal(new Set(path.map(({ traceId }) => traceId)).size, 1);
    for (const client of clients) client.socket.close();
  });

  test("who is blocked or leaves stops seeing the dot, wherever he is connected, and is told so once", async () => {
    await write("conversation.events.v1", "hall", conversationCreated("hall", "cid", "dan", "eve"));
    const cid = await open(0, "cid");
    const dan = await open(1, "dan");
    await Promise.all([cid.untilTold("dan", true), dan.untilTold("cid", true)]);
    await write("user.blocked", "cid", block("cid", "dan"));
    await Promise.all([untilHidden(cid, "dan"), untilHidden(dan, "cid")]);
    const toldBefore = dan.frames.length;
    cid.say({ type: "logout" });
    const eve = await open(1, "eve");
    await dan.untilTold("eve", true);
    assert.ok(!dan.frames.slice(toldBefore).some((frame) => JSON.stringify(frame).includes("cid")));
    await write("conversation.events.v1", "hall", membershipChanged("hall", "eve", false));
    await untilHidden(dan, "eve");
    for (const client of [dan, eve]) client.socket.close();
  });

  test("who hides at its own socket is answered, is offline at the other gateway, and comes back when it shows itself", async () => {
    await write("conversation.events.v1", "loft", conversationCreated("loft", "mia", "noa"));
    const [mia, noa] = [await open(0, "mia"), await open(1, "noa")];
    await Promise.all([mia.untilTold("noa", true), noa.untilTold("mia", true)]);
    const untilPolicy = (isInvisible: boolean) =>
      waitUntil(() => lastPolicy(noa)?.invisible === isInvisible, { what: `noa is told invisible: ${isInvisible}` });
    noa.say({ type: "privacy", invisible: true });
    await untilPolicy(true);
    const { cause, device, devices, at, lastSeen } = await mia.untilTold("noa", false);
    assert.deepEqual([cause, device, devices, at], ["logged_out", "phone", [], lastSeen]);
    noa.say({ type: "privacy", invisible: false });
    await untilPolicy(false);
    assert.equal((await mia.untilTold("noa", true)).cause, "connected");
    assert.ok(!mia.frames.some(({ type }) => type === "hidden"));
    for (const client of [mia, noa]) client.socket.close();
  });

  test("who becomes a contact appears, green, without being asked for", async () => {
    const [fay, gus] = [await open(0, "fay"), await open(1, "gus")];
    await Promise.all([fay.untilSnapshot(), gus.untilSnapshot()]);
    await write("contact.added", "fay", contact("fay", "gus"));
    await write("contact.added", "gus", contact("gus", "fay"));
    await Promise.all([fay.untilTold("gus", true), gus.untilTold("fay", true)]);
    for (const client of [fay, gus]) client.socket.close();
  });

  test("a second device that comes or goes is told at once, and is no transition", async () => {
    await write("conversation.events.v1", "attic", conversationCreated("attic", "jan", "kim"));
    const jan = await open(0, "jan");
    const phone = await open(1, "kim");
    const { at } = await jan.untilTold("kim", true);
    const untilDevices = (...devices: string[]) =>
      waitUntil(() => isDeepStrictEqual(jan.users.get("kim")?.devices, devices), {
        what: `jan is told that kim is on ${devices.join(" and ")}`,
        deadlineMs: 1_000,
      });
    const laptop = await connect({ address: gateways[1].socketAddress, userId: "kim", deviceId: "laptop" });
    await untilDevices("laptop", "phone");
    // A look-up may overtake the record, and knows no time.
    const cameAt = at ?? jan.users.get("kim")?.at;
    laptop.say({ type: "logout" });
    await untilDevices("phone");
    assert.equal(jan.users.get("kim")?.at, cameAt);
    const metrics = await gateways[0].metrics();
    assert.ok((metrics.get("delivery_device_changes_total") ?? 0) >= 2);
    for (const client of [jan, phone]) client.socket.close();
  });

  test("a device that moves from one to the other has one socket, and its user no gap", async () => {
    await write("conversation.events.v1", "flat", conversationCreated("flat", "hal", "ida"));
    const hal = await open(0, "hal");
    const first = await open(0, "ida");
    await hal.untilTold("ida", true);
    const second = await open(1, "ida");
    assert.deepEqual(await first.untilClosed(), { code: 4000, reason: "session_replaced" });
    second.say({ type: "logout" });
    await hal.untilTold("ida", false);
    const told = hal.frames.flatMap(toldUsers).filter(({ id }) => id === "ida");
    assert.deepEqual(
      told
        .map(({ online }) => online)
        .filter((online, index, all) => online !== all[index - 1])
        .slice(-2),
      [true, false],
    );
    hal.socket.close();
  });
});
