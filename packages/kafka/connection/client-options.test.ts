import assert from "node:assert/strict";
import { test } from "node:test";
import type { KafkaAccess } from "../access.ts";
import { clientOptionsOf } from "./client-options.ts";

const times = { connectTimeoutMs: 1, requestTimeoutMs: 2, metadataMaxAgeMs: 3 };
const optionsOf = (brokers: string[], attempt = 0) =>
  clientOptionsOf({ brokers, clientId: "test", tls: { ca: "PEM" } }, attempt, times);

test("each attempt asks another broker first", () => {
  const brokers = ["a:1", "b:2", "c:3"];
  const first = [0, 1, 2, 3].map((attempt) => optionsOf(brokers, attempt).bootstrapBrokers);
  assert.deepEqual(first, [brokers, ["b:2", "c:3", "a:1"], ["c:3", "a:1", "b:2"], brokers]);
});

test("a TLS server name is a name, never an address", () => {
  assert.equal(optionsOf(["kafka-1:9092", "kafka-2:9092"]).tlsServerName, true);
  for (const address of ["10.0.0.7:9092", "[::1]:9092"]) {
    assert.equal(optionsOf(["kafka-1:9092", address]).tlsServerName, false, address);
  }
});

test("without TLS and SASL nothing is said of them; no attempt is repeated, no topic created, in the client", () => {
  const options = clientOptionsOf({ brokers: ["a:1"], clientId: "test" }, 0, times);
  assert.equal("tls" in options || "sasl" in options || "tlsServerName" in options, false);
  assert.equal(options.retries, 0);
  assert.equal(options.autocreateTopics, false);
});

test("each attempt takes the certificates and the password that count then", () => {
  const sasl = { mechanism: "PLAIN", username: "presence", password: "first" } as const;
  let now: Pick<KafkaAccess, "tls" | "sasl"> = { tls: { ca: "first" }, sasl };
  const access = { brokers: ["a:1"], clientId: "test", ...now, current: () => now };
  now = { tls: { ca: "second" }, sasl: { ...sasl, password: "second" } };
  const options = clientOptionsOf(access, 0, times);
  assert.equal(options.tls?.ca, "second");
  assert.equal(options.sasl?.password, "second");
});
