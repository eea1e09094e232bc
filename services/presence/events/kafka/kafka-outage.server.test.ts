import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { startKafka, type TestKafka, waitUntil } from "@realchat/presence-testing";
import { KafkaPublisher } from "./kafka-publisher.ts";
import type { KafkaOptions } from "./options.ts";
import { assertCompleteAndOrdered, manyTransitions, publishUntilAccepted } from "./testing/stream-of-transitions.ts";
import { readTopic } from "./testing/topic-reader.ts";

const users = 50;
const batchSize = 100;

let kafka: TestKafka;

before(async () => {
  kafka = await startKafka();
});
after(() => kafka.stop());

async function publisherOf(
  topic: string,
  context: TestContext,
  options: Partial<KafkaOptions> = {},
): Promise<KafkaPublisher> {
  const publisher = new KafkaPublisher({
    brokers: [kafka.brokers],
    topic,
    createTopic: { partitions: 4 },
    clientId: "test",
    clock: systemClock,
    ...options,
  });
  context.after(() => publisher.close(0));
  await publisher.open();
  return publisher;
}

/** Publishes batch after batch until told to stop. @returns how many transitions went out, and how many rejections */
function publishOnAndOn(publisher: KafkaPublisher) {
  let stopped = false;
  let published = 0;
  let rejected = 0;
  const done = (async () => {
    while (!stopped) {
      rejected += await publishUntilAccepted(publisher, manyTransitions(batchSize, users, published + 1));
      published += batchSize;
    }
  })();
  return {
    get published() {
      return published;
    },
    async stop() {
      stopped = true;
      await done;
      return { published, rejected };
    },
  };
}

test("a broker killed in mid-stream and restarted costs neither a transition nor the order (P4)", async (context) => {
  const publisher = await publisherOf("killed", context);
  const stream = publishOnAndOn(publisher);
  await waitUntil(() => stream.published >= 2_000, { what: "the stream runs" });
  await kafka.kill();
  await waitUntil(() => !publisher.health().ready, { what: "the loss is noticed" });
  await kafka.restart();
  const upMs = systemClock.monotonicMs();
  const before = stream.published;
  await waitUntil(() => stream.published > before + batchSize, { what: "the stream runs again" });
  context.diagnostic(`published again ${Math.round(systemClock.monotonicMs() - upMs)} ms after the broker was back`);
  await waitUntil(() => stream.published >= 4_000, { what: "the stream runs on" });

  const { published, rejected } = await stream.stop();
  const repetitions = assertCompleteAndOrdered(await readTopic(kafka.brokers, "killed"), published);
  context.diagnostic(`${published} published, ${rejected} rejections, ${repetitions} repetitions`);
  assert.equal(publisher.health().ready, true, publisher.health().detail);
});

test("a broker that freezes in mid-stream is given up in time, and what it held back does no harm (P4)", async (context) => {
  const publisher = await publisherOf("frozen", context, { publishTimeoutMs: 400, connectTimeoutMs: 200 });
  const stream = publishOnAndOn(publisher);
  await waitUntil(() => stream.published >= 1_000, { what: "the stream runs" });
  for (let freeze = 0; freeze < 3; freeze++) {
    const before = stream.published;
    const failuresBefore = publisher.metrics().failures;
    kafka.pause();
    await waitUntil(() => publisher.metrics().failures >= failuresBefore + 2, { what: "two publishes were given up" });
    kafka.resume();
    const goesOn = { what: "the stream runs again" };
    await waitUntil(() => stream.published > before + 5 * batchSize, goesOn);
  }

  const { published } = await stream.stop();
  const repetitions = assertCompleteAndOrdered(await readTopic(kafka.brokers, "frozen"), published);
  context.diagnostic(`${published} published, ${repetitions} repetitions`);
});

test("a publish that began while no broker was there is accepted when it comes", async (context) => {
  await kafka.kill();
  const publisher = await publisherOf("absent", context, { publishTimeoutMs: 60_000 });
  assert.equal(publisher.health().ready, false);
  const rejections = publishUntilAccepted(publisher, manyTransitions(10, 10), 60_000);
  await kafka.restart();
  await rejections;
  assertCompleteAndOrdered(await readTopic(kafka.brokers, "absent"), 10);
});

test("a publish under way is finished before the publisher closes", async (context) => {
  const publisher = await publisherOf("closing", context);
  await publishUntilAccepted(publisher, manyTransitions(1, 1));
  const publishing = publisher.publish(manyTransitions(2_000, users, 2));
  await publisher.close(5_000);
  await publishing;
  assertCompleteAndOrdered(await readTopic(kafka.brokers, "closing"), 2_001);
});
