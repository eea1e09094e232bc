import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedKafka, startKafka } from "./kafka.ts";
import { kafkaAnswers } from "./kafka-ping.ts";

const patientMs = 30_000;

test("a test's Kafka can be frozen, thawed, killed, started again on its port, and stopped", async () => {
  const kafka = await startKafka({ listeners: ["SASL_PLAINTEXT"], properties: scramOnly, scram: [alice] });
  assert.equal(await kafkaAnswers(kafka.brokers, patientMs), true);
  assert.equal(await kafkaAnswers(kafka.listeners.SASL_PLAINTEXT as string, patientMs), true);

  kafka.pause();
  assert.equal(await kafkaAnswers(kafka.brokers), false);
  kafka.resume();
  assert.equal(await kafkaAnswers(kafka.brokers, patientMs), true);

  const before = kafka.pid;
  await kafka.kill();
  assert.equal(await kafkaAnswers(kafka.brokers), false);
  await kafka.restart();
  assert.notEqual(kafka.pid, before);
  assert.equal(await kafkaAnswers(kafka.brokers, patientMs), true);

  await kafka.stop();
  assert.equal(await kafkaAnswers(kafka.brokers), false);
});

const alice = "SCRAM-SHA-256=[name=alice,password=secret]";
const scramOnly = {
  "sasl.enabled.mechanisms": "SCRAM-SHA-256",
  "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config":
    "org.apache.kafka.common.security.scram.ScramLoginModule required;",
};

test("a Kafka that cannot start says why in its own words", async () => {
  await assert.rejects(startKafka({ properties: { "num.io.threads": "none" } }), /num\.io\.threads/);
});

test("the shared Kafka is the same whenever it is asked for", async () => {
  const kafka = await sharedKafka();
  assert.equal(await sharedKafka(), kafka);
  assert.equal(await kafkaAnswers(kafka.brokers, patientMs), true);
});
