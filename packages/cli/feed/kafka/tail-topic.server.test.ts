import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ProduceAcks, Producer } from "@platformatic/kafka";
import { events, presence } from "@realchat/presence-proto";
import { createTopics, sharedKafka, startKafka, waitUntil } from "@realchat/presence-testing";
import { exitCodes } from "../../cli-error.ts";
import { type CapturedRun, capturedRun } from "../../testing/captured-run.ts";

const partitions = 4;

/** A topic of this test's own, and how to write to it. */
async function openTopic(t: TestContext, name: string) {
  const { brokers } = await sharedKafka();
  const topic = `${name}-${process.pid}`;
  await createTopics(brokers, [topic], { partitions });
  const producer = new Producer({ clientId: "test", bootstrapBrokers: [brokers], autocreateTopics: false });
  t.after(() => producer.close());
  return {
    brokers,
    topic,
    write: (userId: string, value: Uint8Array) =>
      producer.send({
        messages: [
          {
            topic,
            key: Buffer.from(userId),
            value: Buffer.from(value),
            headers: new Map([[Buffer.from("ce_id"), Buffer.from(`3:${userId}`)]]),
          },
        ],
        acks: ProduceAcks.ALL,
      }),
  };
}

function userOnline(userId: string): Uint8Array {
  const update = presence.PresenceUpdateEvent.create({
    userId,
    status: presence.PresenceStatus.PRESENCE_STATUS_ONLINE,
    occurredAt: 1_790_000_000,
    version: 1_790_000_000_000_017,
    cause: presence.TransitionCause.TRANSITION_CAUSE_CONNECTED,
    deviceId: "phone",
    instanceId: "gw-1",
    shard: 3,
  });
  return events.EventEnvelope.encode({
    eventType: events.EventType.EVENT_TYPE_USER_ONLINE,
    schemaVersion: 1,
    occurredAt: { seconds: 1_790_000_000, nanos: 0 },
    payload: Buffer.from(presence.PresenceUpdateEvent.encode(update).finish()),
  }).finish();
}

function untilReading(run: CapturedRun): Promise<unknown> {
  return waitUntil(() => run.stderr.some((line) => line.startsWith("Reading ")), {
    what: "the command reads the topic",
  });
}

test("events shows what is written from now on, on every partition, and what cannot be read", async (t) => {
  const { brokers, topic, write } = await openTopic(t, "from-now");
  await write("too-early", userOnline("too-early"));
  const run = capturedRun(["events", "--topic", topic, "--brokers", brokers]);
  await untilReading(run);
  const users = Array.from({ length: 20 }, (_, index) => `user-${index}`);
  for (const userId of users) await write(userId, userOnline(userId));
  await write("rubbish", Buffer.from("rubbish!"));
  await waitUntil(() => run.stdout.length === 21, { what: "all lines came" });
  run.stop();
  assert.equal(await run.exitCode, exitCodes.done);

  for (const userId of users) {
    const line = run.stdout.find((text) => text.includes(`● ${userId} `)) ?? "";
    assert.match(line, /online {3}connected +phone at gw-1 +version 1790000000000017/);
    assert.ok(line.endsWith(`ce_id=3:${userId}`));
  }
  assert.ok(run.stdout.some((line) => line.startsWith("not an EventEnvelope")));
});

test("a batch that would become too large is passed over, and told", async (t) => {
  const { brokers, topic, write } = await openTopic(t, "compressed");
  const producer = new Producer({ clientId: "test", bootstrapBrokers: [brokers], autocreateTopics: false });
  t.after(() => producer.close());
  const bomb = Buffer.alloc(20 * 1024 * 1024);
  const messages = [{ topic, partition: 0, value: bomb }];
  await producer.send({ messages, acks: ProduceAcks.ALL, compression: "zstd" });
  await write("ann", userOnline("ann"));
  const run = capturedRun(["events", "--from-beginning", "--topic", topic, "--brokers", brokers]);
  await waitUntil(() => run.stdout.length === 1 && run.stderr.length === 2, { what: "both are told" });
  run.stop();
  assert.equal(await run.exitCode, exitCodes.done);
  const told = /^Passed over: the batch of records at 0@0 becomes more than 16777216 bytes when it is decompressed\.$/;
  assert.ok(
    run.stderr.some((line) => told.test(line)),
    run.stderr.join("\n"),
  );
});

test("events --from-beginning --json tells the record's place, key, headers, envelope and payload", async (t) => {
  const { brokers, topic, write } = await openTopic(t, "from-beginning");
  await write("zoë", userOnline("zoë"));
  const environment = { KAFKA_BROKERS: brokers, KAFKA_TOPIC: topic };
  const run = capturedRun(["events", "--from-beginning", "--json"], { environment });
  await waitUntil(() => run.stdout.length === 1, { what: "the record came" });
  run.stop();
  assert.equal(await run.exitCode, exitCodes.done);
  const { partition, ...record } = JSON.parse(run.stdout[0] ?? "");
  assert.ok(partition >= 0 && partition < partitions);
  assert.deepEqual(record, {
    topic,
    offset: 0,
    key: "zoë",
    headers: { ce_id: "3:zoë" },
    eventType: "EVENT_TYPE_USER_ONLINE",
    schemaVersion: 1,
    occurredAt: "2026-09-21T14:13:20.000Z",
    payload: {
      userId: "zoë",
      status: "PRESENCE_STATUS_ONLINE",
      occurredAt: 1_790_000_000,
      version: 1_790_000_000_000_017,
      cause: "TRANSITION_CAUSE_CONNECTED",
      deviceId: "phone",
      instanceId: "gw-1",
      shard: 3,
    },
  });
});

test("a topic that is not there fails with exit code 1, naming it", async () => {
  const { brokers } = await sharedKafka();
  const run = capturedRun(["events", "--topic", "nowhere", "--brokers", brokers]);
  assert.equal(await run.exitCode, exitCodes.rpcFailed);
  assert.match(run.stderr.join(), /^presence: NOT_FOUND: there is no topic nowhere/);
});

test("a login is sent, and a wrong one is told as such", async (t) => {
  const kafka = await startKafka({
    listeners: ["SASL_PLAINTEXT"],
    scram: ["SCRAM-SHA-256=[name=alice,password=secret]"],
    properties: {
      "sasl.enabled.mechanisms": "SCRAM-SHA-256",
      "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config":
        "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    },
  });
  t.after(() => kafka.stop());
  const brokers = kafka.listeners.SASL_PLAINTEXT ?? "";
  const login = ["--kafka-sasl-mechanism", "SCRAM-SHA-256", "--kafka-sasl-username", "alice", "--kafka-sasl-password"];
  const events = ["events", "--topic", "nowhere", "--brokers", brokers, ...login];
  const right = capturedRun([...events, "secret"]);
  assert.equal(await right.exitCode, exitCodes.rpcFailed);
  assert.match(right.stderr.join(), /there is no topic nowhere/);
  const wrong = capturedRun([...events, "guess"]);
  assert.equal(await wrong.exitCode, exitCodes.unreachable);
  assert.match(wrong.stderr.join(), /authentication/i);
  assert.ok(!wrong.stderr.join().includes("guess"));
});
