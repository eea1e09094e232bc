import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { sharedKafka, startKafka } from "./kafka.ts";

/** Asks for the API versions (key 18, version 0), which a broker answers before anything else. */
function apiVersions(broker: string): Promise<{ errorCode: number }> {
  const request = Buffer.from("000000100012000000000007000474657374", "hex");
  request.writeInt32BE(request.length - 4);
  const [host, port] = broker.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host, () => socket.write(request));
    socket.setTimeout(500, () => socket.destroy(new Error("no answer")));
    socket.on("error", reject);
    socket.once("data", (answer) => {
      socket.destroy();
      assert.equal(answer.readInt32BE(4), 7, "the answer is to our request");
      resolve({ errorCode: answer.readInt16BE(8) });
    });
  });
}

test("a test's Kafka can be frozen, thawed, killed, started again on its port, and stopped", async () => {
  const kafka = await startKafka({ listeners: ["SASL_PLAINTEXT"], properties: scramOnly, scram: [alice] });
  assert.deepEqual(await apiVersions(kafka.brokers), { errorCode: 0 });
  assert.deepEqual(await apiVersions(kafka.listeners.SASL_PLAINTEXT as string), { errorCode: 0 });

  kafka.pause();
  await assert.rejects(apiVersions(kafka.brokers), /no answer/);
  kafka.resume();

  const before = kafka.pid;
  await kafka.kill();
  await assert.rejects(apiVersions(kafka.brokers), /ECONNREFUSED/);
  await kafka.restart();
  assert.notEqual(kafka.pid, before);
  assert.deepEqual(await apiVersions(kafka.brokers), { errorCode: 0 });

  await kafka.stop();
  await assert.rejects(apiVersions(kafka.brokers), /ECONNREFUSED/);
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
  assert.deepEqual(await apiVersions(kafka.brokers), { errorCode: 0 });
});
