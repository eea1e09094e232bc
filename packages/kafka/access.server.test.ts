import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { inspect } from "node:util";
import { systemClock } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import { type KafkaAccess, type KafkaSasl, saslMechanisms } from "./access.ts";
import { fetchLoop, isPastHistory, KafkaTopic, type TopicReader } from "./consumer/index.ts";
import { KafkaError } from "./kafka-error.ts";
import { openTopicProducer, type TopicProducer } from "./producer/index.ts";
import { type SecuredKafka, startSecuredKafka } from "./testing/secured-kafka.ts";

const topic = "secured";
let secured: SecuredKafka;
before(async () => {
  secured = await startSecuredKafka();
});
after(() => secured.kafka.stop());

type Security = Pick<KafkaAccess, "tls" | "sasl">;

function accessTo(listener: string, security: Security): KafkaAccess {
  return { brokers: [secured.kafka.listeners[listener] as string], clientId: "test", ...security };
}

/** Not at once: the broker's listeners open one after the other, and a new topic has no leaders yet. */
function openProducer(access: KafkaAccess): Promise<TopicProducer> {
  const limits = { requestTimeoutMs: 10_000, requestMaxBytes: 100_000 };
  const createTopic = { partitions: 3 };
  const open = () => openTopicProducer({ ...access, topic, createTopic, ...limits, clock: systemClock }, 0);
  return waitUntil(open, { what: "the topic can be written to" });
}

function openReader(access: KafkaAccess, stop: AbortSignal): Promise<TopicReader> {
  return new KafkaTopic({ ...access, topic, clock: systemClock }).open(0, stop);
}

/** Everything that the topic holds now, from its start. */
async function readHistory(reader: TopicReader, stop: AbortSignal): Promise<string[]> {
  const bounds = await reader.bounds();
  const positions = new Map(bounds.map(({ partition, start }) => [partition, start]));
  const values: string[] = [];
  const isRead = () => bounds.every((log) => isPastHistory(log, positions.get(log.partition) ?? 0n));
  for await (const { partitions } of fetchLoop(reader, () => positions, stop)) {
    for (const { partition, records, next } of partitions) {
      values.push(...records.map(({ value }) => Buffer.from(value).toString()));
      positions.set(partition, next);
    }
    if (isRead()) break;
  }
  return values;
}

async function writesAndReads(t: TestContext, listener: string, security: Security): Promise<void> {
  const access = accessTo(listener, security);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const producer = await openProducer(access);
  t.after(() => producer.destroy());
  const value = Buffer.from(t.name);
  const record = { key: Buffer.from("key"), value, headers: new Map<Buffer, Buffer>(), size: value.length + 3 };
  // The first attempt after the topic was created may come before its leader.
  await waitUntil(async () => (await producer.send([record])) > 0, { what: "the record is written" });
  const values = await readHistory(await openReader(access, stop.signal), stop.signal);
  assert.ok(values.includes(t.name), values.join());
}

for (const mechanism of saslMechanisms) {
  test(`a producer and a reader log in with ${mechanism}`, async (t) => {
    await writesAndReads(t, "SASL_PLAINTEXT", { sasl: { mechanism, ...secured.login } });
  });
}

test("a producer and a reader log in within TLS", async (t) => {
  const sasl: KafkaSasl = { mechanism: "SCRAM-SHA-512", ...secured.login };
  await writesAndReads(t, "SASL_SSL", { tls: { ca: secured.certificates.ca }, sasl });
});

test("a producer and a reader speak mutual TLS", async (t) => {
  const { ca, client } = secured.certificates;
  await writesAndReads(t, "SSL", { tls: { ca, certificate: client.certificate, key: client.key } });
});

test("a reader says why it is not let in, and never the password", async (t) => {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const refusal = (listener: string, security: Security) =>
    openReader(accessTo(listener, security), stop.signal).then(
      () => assert.fail("the broker let it in"),
      (error: unknown) => {
        assert.ok(error instanceof KafkaError);
        assert.equal(error.code, "UNAVAILABLE");
        return inspect(error, { depth: null, showHidden: true });
      },
    );
  const sasl: KafkaSasl = { mechanism: "PLAIN", username: "alice", password: "S3cret-and-wrong" };
  const wrongLogin = await refusal("SASL_PLAINTEXT", { sasl });
  assert.match(wrongLogin, /SASL authentication failed/);
  assert.doesNotMatch(wrongLogin, /S3cret/);
  assert.match(await refusal("SASL_SSL", { tls: {}, sasl }), /unable to verify the first certificate/);
  assert.match(await refusal("SSL", {}), /Broker requires TLS/);
});
