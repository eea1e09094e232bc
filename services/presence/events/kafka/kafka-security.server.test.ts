import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { inspect } from "node:util";
import { type KafkaSasl, saslMechanisms } from "@realchat/presence-kafka/access";
import { type SecuredKafka, startSecuredKafka } from "@realchat/presence-kafka/testing";
import { systemClock } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import { KafkaPublisher } from "./kafka-publisher.ts";
import type { KafkaOptions } from "./options.ts";
import { manyTransitions, publishUntilAccepted } from "./testing/stream-of-transitions.ts";

let secured: SecuredKafka;

before(async () => {
  secured = await startSecuredKafka();
});
after(() => secured.kafka.stop());

for (const mechanism of saslMechanisms) {
  test(`logs in with ${mechanism}`, async (context) => {
    await assertPublishes(context, "SASL_PLAINTEXT", { sasl: { mechanism, ...secured.login } });
  });

  test(`is told when the ${mechanism} login is wrong, and never says the password`, async (context) => {
    const sasl: KafkaSasl = { mechanism, username: "alice", password: "S3cret-and-wrong" };
    const publisher = await openPublisher(context, "SASL_PLAINTEXT", { sasl, publishTimeoutMs: 700 });
    await saysInHealth(publisher, /SASL authentication failed/);
    const error = await publisher.publish(manyTransitions(1, 1)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    const said = inspect([publisher, publisher.health(), error], { depth: null, showHidden: true });
    assert.match(said, /SASL authentication failed/);
    assert.doesNotMatch(said, /S3cret/);
  });
}

test("speaks TLS, with a login inside", async (context) => {
  const sasl: KafkaSasl = { mechanism: "SCRAM-SHA-512", ...secured.login };
  await assertPublishes(context, "SASL_SSL", { tls: { ca: secured.certificates.ca }, sasl });
});

test("speaks mutual TLS", async (context) => {
  const { ca, client } = secured.certificates;
  await assertPublishes(context, "SSL", { tls: { ca, certificate: client.certificate, key: client.key } });
});

test("trusts no broker whose certificate nobody vouches for", async (context) => {
  const sasl: KafkaSasl = { mechanism: "PLAIN", ...secured.login };
  const publisher = await openPublisher(context, "SASL_SSL", { tls: {}, sasl });
  await saysInHealth(publisher, /unable to verify the first certificate/);
});

test("says that the broker wants TLS when it is spoken to without", async (context) => {
  const publisher = await openPublisher(context, "SSL", {});
  await saysInHealth(publisher, /Broker requires TLS/);
});

async function openPublisher(
  context: TestContext,
  listener: string,
  options: Partial<KafkaOptions>,
): Promise<KafkaPublisher> {
  const publisher = new KafkaPublisher({
    brokers: [secured.kafka.listeners[listener] as string],
    topic: "presence.events.v1",
    createTopic: { partitions: 1 },
    clientId: "test",
    clock: systemClock,
    ...options,
  });
  context.after(() => publisher.close(0));
  await publisher.open();
  return publisher;
}

async function assertPublishes(context: TestContext, listener: string, options: Partial<KafkaOptions>): Promise<void> {
  const publisher = await openPublisher(context, listener, options);
  await publishUntilAccepted(publisher, manyTransitions(1, 1));
  assert.equal(publisher.health().ready, true, publisher.health().detail);
}

/** Not at once: the broker's listeners open one after the other. */
async function saysInHealth(publisher: KafkaPublisher, what: RegExp): Promise<void> {
  await waitUntil(
    () => {
      assert.match(publisher.health().detail, what);
      return true;
    },
    { what: "health says why it cannot connect" },
  );
}
