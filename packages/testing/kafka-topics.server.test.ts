import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";
import { ProduceAcks, Producer } from "@platformatic/kafka";
import { sharedKafka } from "./kafka.ts";
import { createTopics, deleteTopic } from "./kafka-topics.ts";

test("a topic can be written to as soon as it is created, also where one of its name was deleted before", async (t) => {
  const { brokers } = await sharedKafka();
  const topic = `topics-${randomUUID()}`;
  const write = async () => {
    const producer = new Producer({ clientId: "test", bootstrapBrokers: [brokers], retries: 0 });
    t.after(() => producer.close());
    await producer.send({ messages: [{ topic, value: Buffer.from("x") }], acks: ProduceAcks.ALL });
  };
  for (let life = 0; life < 5; life++) {
    await createTopics(brokers, [topic], { partitions: 3 });
    await write();
    await deleteTopic(brokers, topic);
    await assert.rejects(write(), (error) => inspect(error).includes("Unknown topic"));
  }
});
