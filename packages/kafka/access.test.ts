import assert from "node:assert/strict";
import { test } from "node:test";
import { faultOfAccess, faultOfTopic, type KafkaAccess } from "./access.ts";

const good: KafkaAccess = { brokers: ["kafka-1:9092", "10.0.0.7:9092", "[::1]:9092"], clientId: "test" };

test("what can work has no fault", () => {
  const tls = { ca: "PEM", certificate: "PEM", key: "PEM" };
  const sasl = { mechanism: "PLAIN", username: "alice", password: "open sesame" } as const;
  assert.equal(faultOfAccess(good), undefined);
  assert.equal(faultOfAccess({ ...good, tls: {}, sasl }), undefined);
  assert.equal(faultOfAccess({ ...good, tls, sasl: { ...sasl, mechanism: "SCRAM-SHA-512" } }), undefined);
});

test("what can never work has a fault that names the option and what to give instead", () => {
  const faulty = (options: Partial<KafkaAccess>, fault: RegExp) =>
    assert.match(faultOfAccess({ ...good, ...options }) ?? "", fault);
  faulty({ brokers: [] }, /^brokers is empty: .*host:port/);
  faulty({ brokers: ["kafka-1"] }, /^brokers has "kafka-1": write host:port/);
  faulty({ brokers: ["kafka-1:0"] }, /"kafka-1:0"/);
  faulty({ brokers: ["kafka-1:65536"] }, /"kafka-1:65536"/);
  faulty({ brokers: ["kafka-1:9092", "http://kafka-1:9092"] }, /"http:\/\/kafka-1:9092"/);
  faulty({ tls: { certificate: "PEM" } }, /^tls has only one of certificate and key/);
  faulty({ tls: { key: "PEM" } }, /^tls has only one of certificate and key/);
  const sasl = { mechanism: "PLAIN", username: "alice", password: "open sesame" } as const;
  faulty({ sasl: { ...sasl, mechanism: "GSSAPI" as "PLAIN" } }, /^sasl\.mechanism is "GSSAPI": .*PLAIN, SCRAM-SHA-256/);
  faulty({ sasl: { ...sasl, username: "" } }, /^sasl lacks username or password/);
  faulty({ sasl: { ...sasl, password: "" } }, /^sasl lacks username or password/);
});

test("a fault never has the password", () => {
  const sasl = { mechanism: "GSSAPI" as "PLAIN", username: "alice", password: "open sesame" };
  assert.doesNotMatch(faultOfAccess({ ...good, sasl }) ?? "", /sesame/);
});

test("a topic's name has 1 to 249 of the characters that brokers take", () => {
  for (const name of ["presence.events.v1", "a", "...", "x".repeat(249)]) assert.equal(faultOfTopic(name), undefined);
  for (const name of ["", ".", "..", "a b", "a/b", "ä", "x".repeat(250)]) {
    assert.ok(faultOfTopic(name)?.startsWith(`topic is ${JSON.stringify(name)}: give 1 to 249`), name);
  }
});
