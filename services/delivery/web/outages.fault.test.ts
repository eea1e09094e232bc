import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  freePort,
  startChromium,
  startDelivery,
  startKafka,
  startPresence,
  startRedis,
  type TestChromium,
  type TestDelivery,
  type TestKafka,
  type TestPresence,
  type TestRedis,
} from "@realchat/presence-testing";
import { openWindow, type Window } from "./testing/window.ts";

// Nobody knows better how long a restart takes than the machine: what counts is that all is right afterwards.
const recoveryMs = 30_000;

let redis: TestRedis;
let kafka: TestKafka;
let presence: TestPresence;
let presenceEnv: Record<string, string>;
let deliveryEnv: Record<string, string>;
let delivery: TestDelivery;
let chromium: TestChromium;
let ada: Window;
let bruno: Window;

before(async () => {
  [redis, kafka] = await Promise.all([startRedis(), startKafka()]);
  const shared = { REDIS_URL: redis.url, KAFKA_BROKERS: kafka.brokers };
  const grpcAddress = `127.0.0.1:${await freePort()}`;
  presenceEnv = { ...shared, GRPC_ADDR: grpcAddress, SESSION_TTL: "6s", OFFLINE_GRACE: "2s" };
  deliveryEnv = { ...shared, PRESENCE_SVC_ADDR: grpcAddress, SAMPLE_CAST: "true" };
  presence = await startPresence({ env: presenceEnv });
  delivery = await startDelivery({ env: deliveryEnv });
  chromium = await startChromium();
  ada = await open("ada");
  bruno = await open("bruno");
  await ada.untilDot("bruno", "green", recoveryMs);
  await bruno.untilDot("ada", "green", recoveryMs);
});

after(async () => {
  await chromium.stop();
  await delivery.stop();
  await presence.stop();
  await kafka.stop();
  await redis.stop();
});

const open = (userId: string) => openWindow(chromium.browser, `http://${delivery.socketAddress}`, userId);

/** Those who stayed are green, whoever comes turns green, whoever leaves turns grey. */
async function everythingIsRight(): Promise<void> {
  await ada.untilDot("bruno", "green", recoveryMs);
  await bruno.untilDot("ada", "green", recoveryMs);
  const elif = await open("elif");
  await ada.untilDot("elif", "green", recoveryMs);
  await bruno.untilDot("elif", "green", recoveryMs);
  await elif.untilDot("ada", "green", recoveryMs);
  await elif.logOut();
  await ada.untilDot("elif", "grey", recoveryMs);
  await bruno.untilDot("elif", "grey", recoveryMs);
  await elif.close();
}

describe("the dots are right", () => {
  test("on real Redis and Kafka", everythingIsRight);

  test("after presence was killed and started again, and nobody was shown grey meanwhile", async () => {
    await ada.colorsOf("bruno");
    await presence.kill();
    presence = await startPresence({ env: presenceEnv });
    await everythingIsRight();
    assert.deepEqual(await ada.colorsOf("bruno"), ["green"]);
  });

  test("after Redis lost everything", async () => {
    await redis.kill();
    await redis.restart();
    await everythingIsRight();
  });

  test("after Kafka was killed and started again", async () => {
    await kafka.kill();
    await kafka.restart();
    await everythingIsRight();
  });

  test("after the gateway was killed and started again: the windows come back by themselves", async () => {
    const { socketAddress } = delivery;
    await delivery.kill();
    delivery = await startDelivery({ socketAddress, env: deliveryEnv });
    await ada.untilConnected();
    await bruno.untilConnected();
    await everythingIsRight();
  });
});
