import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { sharedKafka, startRedis, waitUntil } from "@realchat/presence-testing";
import { connect } from "../services/delivery/testing/socket-client.ts";
import { npmStart } from "./testing/npm-start.ts";

test("with REDIS_URL and KAFKA_BROKERS the same command runs on the real parts", async (t) => {
  const [redis, { brokers }] = await Promise.all([startRedis(), sharedKafka()]);
  const topic = `start-${randomUUID()}.presence.events.v1`;
  const { child, url } = await npmStart(t, [], {
    ...{ REDIS_URL: redis.url, KAFKA_BROKERS: brokers, KAFKA_TOPIC: topic, KAFKA_TOPICS: topic },
    // A new Redis recovers for that long, and nobody is said to be away meanwhile.
    SESSION_TTL: "4s",
  });
  // After npm start, which drains.
  t.after(() => redis.stop());
  await waitUntil(() => child.output().includes("RealChat is up"), { what: "it is up", deadlineMs: 60_000 });
  assert.match(child.output(), /state +in Redis\n +events +through Kafka\n/);
  const address = new URL(url).host;
  const ada = await connect({ address, userId: "ada" });
  await waitUntil(() => ada.users.has("bruno"), { what: "ada is shown bruno" });
  const bruno = await connect({ address, userId: "bruno" });
  assert.equal((await ada.untilTold("bruno", true)).cause, "connected");
  bruno.say({ type: "logout" });
  assert.equal((await ada.untilTold("bruno", false)).cause, "logged_out");
  ada.socket.close();
  assert.equal(await child.end("SIGTERM", 20_000), 0, child.output());
});
