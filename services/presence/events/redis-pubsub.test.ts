import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import { systemClock } from "@realchat/presence-runtime/clock";
import { publisherContract } from "./publisher.contract.ts";
import { RedisPubSubPublisher } from "./redis-pubsub.ts";
import { sampleTransition } from "./testing/sample-transition.ts";

type Message = { channel: string; update: presence.PresenceUpdateEvent };

/** Redis as the publisher sees it: takes messages in order, or fails when told to. */
function channelOf(fails: (update: presence.PresenceUpdateEvent) => boolean = () => false, keyPrefix?: string) {
  const messages: Message[] = [];
  const publishToChannel = async (channel: string, message: Uint8Array) => {
    const update = presence.PresenceUpdateEvent.decode(message);
    if (fails(update)) throw new Error("connection lost");
    messages.push({ channel, update });
  };
  return { messages, publisher: new RedisPubSubPublisher({ publishToChannel, keyPrefix, clock: systemClock }) };
}

describe("redis-pubsub publisher", () => {
  publisherContract(async () => {
    const { publisher, messages } = channelOf();
    return {
      publisher,
      versionsOf: async (userId) =>
        messages.filter(({ update }) => update.userId === userId).map(({ update }) => update.version),
    };
  });

  test("sends bare updates on presence:updates", async () => {
    const { publisher, messages } = channelOf();
    await publisher.publish([sampleTransition({ online: false, cause: "EXPIRED" })]);
    assert.equal(messages[0]?.channel, "presence:updates");
    assert.equal(messages[0]?.update.status, presence.PresenceStatus.PRESENCE_STATUS_OFFLINE);
    assert.ok(publisher.metrics().bytes > 0);
    const staging = channelOf(() => false, "staging:");
    await staging.publisher.publish([sampleTransition({})]);
    assert.equal(staging.messages[0]?.channel, "staging:presence:updates");
  });

  test("says nothing of statuses: to its readers a message is somebody coming or going", async () => {
    const { publisher, messages } = channelOf();
    await publisher.publish([sampleTransition({ cause: "STATUS" }), sampleTransition({ version: 2 })]);
    assert.deepEqual(
      messages.map(({ update }) => update.version),
      [2],
    );
  });

  test("a failed message fails the publish, shows in health, and is forgiven by the next success", async () => {
    let broken = true;
    const { publisher, messages } = channelOf((update) => broken && update.version === 2);
    const batch = [1, 2, 3].map((version) => sampleTransition({ version }));
    await assert.rejects(publisher.publish(batch), /connection lost/);
    assert.deepEqual(publisher.health(), { ready: false, detail: "the last publish failed: connection lost" });
    assert.equal(publisher.metrics().failures, 1);

    broken = false;
    await publisher.publish(batch);
    assert.equal(publisher.health().ready, true);
    assert.deepEqual(
      messages.map(({ update }) => update.version),
      [1, 3, 1, 2, 3],
      "repeated whole: whoever applies all of them in turn ends with the last",
    );
  });

  test("closing waits for what is on its way, but not longer than the grace", async () => {
    const answers: (() => void)[] = [];
    const publishToChannel = () => new Promise<void>((resolve) => answers.push(resolve));
    const publisher = new RedisPubSubPublisher({ publishToChannel, clock: systemClock });
    let published = false;
    const publishing = publisher.publish([sampleTransition()]).then(() => {
      published = true;
    });
    await publisher.close(20);
    assert.equal(published, false, "the grace ended first");
    answers[0]?.();
    await publishing;
  });
});
