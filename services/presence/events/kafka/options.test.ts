import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { PublisherRefusal } from "../publisher.ts";
import { type KafkaOptions, settingsOf } from "./options.ts";

const good: KafkaOptions = {
  brokers: ["kafka-1:9092", "10.0.0.7:9092", "[::1]:9092"],
  topic: "presence.events.v1",
  clientId: "presence",
  clock: systemClock,
};

test("what is right is taken, with defaults for the rest", () => {
  const settings = settingsOf(good);
  assert.equal(settings.publishTimeoutMs, 10_000);
  assert.equal(settings.requestMaxBytes, 524_288);
  assert.equal(settings.source, "/realchat/presence");
});

test("what can never work is refused, naming what and why", () => {
  const refused = (options: Partial<KafkaOptions>, message: RegExp) =>
    assert.throws(
      () => settingsOf({ ...good, ...options }),
      (error) => error instanceof PublisherRefusal && message.test(error.message),
    );
  refused({ brokers: [] }, /^Kafka: brokers is empty.*host:port/);
  refused({ brokers: ["kafka-1"] }, /brokers has "kafka-1": write host:port/);
  refused({ brokers: ["kafka-1:0"] }, /"kafka-1:0"/);
  refused({ brokers: ["kafka-1:65536"] }, /"kafka-1:65536"/);
  refused({ brokers: ["http://kafka-1:9092"] }, /"http:\/\/kafka-1:9092"/);
  refused({ topic: "a b" }, /topic is "a b": give 1 to 249/);
  refused({ topic: ".." }, /topic is "\.\."/);
  refused({ topic: "x".repeat(250) }, /1 to 249/);
  refused({ createTopic: { partitions: 0 } }, /partitions is 0: give a whole number from 1/);
  refused({ createTopic: { partitions: 4, replication: 1.5 } }, /replication is 1\.5/);
  refused({ tls: { certificate: "PEM" } }, /tls has only one of certificate and key/);
  refused({ sasl: { mechanism: "GSSAPI" as "PLAIN", username: "u", password: "p" } }, /PLAIN, SCRAM-SHA-256/);
  refused({ sasl: { mechanism: "PLAIN", username: "u", password: "" } }, /lacks username or password/);
});
